package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"maps"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// statements are the prepared dialect.Texts.
type statements struct {
	findBatch     *sql.Stmt // room, room, client_id, client_seq
	lastClientSeq *sql.Stmt // room, client_id
	documents     *sql.Stmt // room
	checkpoint    *sql.Stmt // room, room, room
	head          *sql.Stmt // room
	epoch         *sql.Stmt
	nextRoom      *sql.Stmt // after
	roomAfter     *sql.Stmt // after, after
	oldest        *sql.Stmt // room, after, number of rows
	prune         *sql.Stmt // room, after, through, room, epoch
}

func prepare(ctx context.Context, d dialect.Dialect) (s statements, err error) {
	t, err := dialect.BuildTexts(d.Placeholders(), d.Schema().Syntax)
	if err != nil {
		return statements{}, err
	}
	for _, p := range []struct {
		stmt **sql.Stmt
		pool *sql.DB
		text string
	}{
		{&s.findBatch, d.Reader(), t.FindBatch},
		{&s.lastClientSeq, d.Reader(), t.LastClientSeq},
		{&s.documents, d.Reader(), t.Documents},
		{&s.checkpoint, d.Reader(), t.Checkpoint},
		{&s.head, d.Reader(), t.Head},
		{&s.epoch, d.Reader(), t.Epoch},
		{&s.nextRoom, d.Reader(), t.NextRoom},
		{&s.roomAfter, d.Reader(), t.RoomAfter},
		{&s.oldest, d.Reader(), t.Oldest},
		{&s.prune, d.Writer(), t.Prune},
	} {
		//nolint:sqlclosecheck // closed with the pool
		if *p.stmt, err = p.pool.PrepareContext(ctx, p.text); err != nil {
			return statements{}, fmt.Errorf("preparing statements: %w", err)
		}
	}
	return s, nil
}

// Statements returns the statements that a store sends to a kind of database, by name. They are for review, and for tests
// that parse them. It connects to nothing.
func Statements(dsn string) (map[string]string, error) {
	d, err := newDialect(dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	schema := d.Schema()
	t, err := dialect.BuildTexts(d.Placeholders(), schema.Syntax)
	if err != nil {
		return nil, err
	}
	all := d.Statements()
	maps.Copy(all, map[string]string{
		"table exists": schema.Exists("sync_meta"), "migration lock": schema.Lock, "now": "SELECT " + schema.Syntax.Now,
		"log": t.Log, "find batch": t.FindBatch, "last clientSeq": t.LastClientSeq, "documents": t.Documents, "checkpoint": t.Checkpoint,
		"head": t.Head, "epoch": t.Epoch, "next room": t.NextRoom, "room after": t.RoomAfter, "oldest": t.Oldest, "prune": t.Prune,
	})
	for i, migration := range schema.Migrations {
		for j, batch := range dialect.Batches(migration) {
			all[fmt.Sprintf("migration %d, batch %d", i+1, j+1)] = batch
		}
	}
	takeover := newTaker(d, nil)
	old := schema.Predecessor
	for name, text := range map[string]string{
		"names": old.CreateNames, "copy log": old.CopyLog(takeoverLogColumns, takeoverLogSelect), "all names": takeover.allNames(roomName),
		"case": sameButForCase, "old documents": takeoverDocumentQuery, "positions": takeoverPositions, "unsaved": undoUnsaved,
		"update": undoUpdate, "insert": undoInsert, "rename": old.Rename(takeover.table("a"), "b"),
	} {
		if all["takeover: "+name], err = d.Placeholders().ReplacePlaceholders(takeover.text(text)); err != nil {
			return nil, err
		}
	}
	return all, nil
}
