package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/Masterminds/squirrel"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/takeover"
)

// oldDocument is a document row of the predecessor.
type oldDocument struct {
	core.Document
	updated any // updated_at, in the driver's type
}

// copyDocuments copies the document rows, and repairs them where needed. Existing rows do not change.
func (t *taker) copyDocuments(ctx context.Context) error {
	var chunk []oldDocument
	size := 0
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		err := t.step(ctx, func(ctx context.Context, tx *sql.Tx, progress string) error {
			if progress == takeoverDone { // by another process, which may have saved newer documents
				return nil
			}
			for _, doc := range chunk {
				if err := t.insertDocument(ctx, tx, doc); err != nil {
					return err
				}
			}
			return nil
		})
		chunk, size = chunk[:0], 0
		return err
	}
	err := t.eachDocument(ctx, func(doc oldDocument) error {
		chunk, size = append(chunk, doc), size+len(doc.State)
		if len(chunk) < takeoverDocumentRows && size < takeoverDocumentBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

const takeoverDocumentQuery = "SELECT " + takeoverNames + ", p.server_seq, p.updated_at, p.state FROM $(sync_documents_old) p" + takeoverNamed

// eachDocument reads the predecessor's documents, renamed and repaired. It reports and skips a document that cannot be read.
// That document starts empty; its text remains in the predecessor's table.
func (t *taker) eachDocument(ctx context.Context, use func(oldDocument) error) error {
	query := takeoverDocumentQuery
	if t.dry {
		query = "SELECT p.room, p.store_key, p.server_seq, p.updated_at, p.state FROM $(sync_documents_old) p"
	}
	read := int64(0)
	return eachRow(ctx, t.d.Reader(), t.text(query), func(rows *sql.Rows) error {
		var doc oldDocument
		if err := rows.Scan(&doc.Room, &doc.Key, &doc.ServerSeq, &doc.updated, &doc.State); err != nil {
			return err
		}
		if t.dry {
			doc.Room, doc.Key = t.names.get(roomName, doc.Room), t.names.get(keyName, doc.Key)
		}
		doc.ServerSeq = max(1, doc.ServerSeq)
		read++
		t.logProgress("taking over documents", "read", read, "of", t.report.Documents)
		if !t.repair(&doc) {
			return nil
		}
		return use(doc)
	})
}

// repair reports whether the document can be read.
func (t *taker) repair(doc *oldDocument) bool {
	state, repairs, err := takeover.Document(doc.State, idsOf(doc.Document))
	if err != nil {
		t.report.Skipped++
		t.log.Error("a document of the predecessor cannot be read: it starts empty, and its text remains in sync_documents"+
			predecessorSuffix, "room", doc.Room, "key", doc.Key, "bytes", len(doc.State), "error", err)
		return false
	}
	if repairs.Any() {
		doc.State = state
		t.report.Repaired++
		t.report.Repairs.Add(repairs)
		t.log.Warn("repaired a document of the predecessor", "room", doc.Room, "key", doc.Key, "repairs", repairs.String())
	}
	return true
}

func (t *taker) insertDocument(ctx context.Context, tx *sql.Tx, doc oldDocument) error {
	syntax := t.d.Schema().Syntax
	room, key := syntax.NameArgument(doc.Room), syntax.NameArgument(doc.Key)
	query, args, err := squirrel.Select("COUNT(*)").From(t.table("sync_documents")).Where("room = "+syntax.Parameter(), room).
		Where("store_key = "+syntax.Parameter(), key).PlaceholderFormat(t.d.Placeholders()).ToSql()
	if err != nil {
		return err
	}
	var there int
	if err := tx.QueryRowContext(ctx, query, args...).Scan(&there); err != nil || there > 0 {
		return err
	}
	err = exec(ctx, t.d, tx, squirrel.Insert(t.table("sync_documents")).
		Columns("room", "store_key", "state", "server_seq", "updated_at").
		Values(room, key, syntax.TextArgument(doc.State), doc.ServerSeq, doc.updated))
	if err != nil {
		return fmt.Errorf("document %q of room %q: %w", doc.Key, doc.Room, err)
	}
	return nil
}

// idsOf returns a generator of ids for items without one, with the same ids at every attempt.
func idsOf(doc core.Document) func() string {
	n := 0
	return func() string {
		n++
		hash := sha256.Sum256([]byte(fmt.Sprint(strings.Join([]string{doc.Room, doc.Key}, "\x00"), "\x00", n)))
		return hex.EncodeToString(hash[:8])
	}
}
