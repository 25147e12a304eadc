package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

var (
	errNoTakeover = errors.New("there is no takeover to undo: sync_documents_predecessor does not exist, or the takeover is not complete")
	errUnsaved    = errors.New("the log has changes that are not in sync_documents yet: start pathsync and stop it with SIGTERM first")
	errWouldLose  = errors.New("documents would be lost, because their names equal others in the collation of the predecessor's tables: see the log, or use --force")
)

// undo updates the predecessor's document rows, under their old names, and renames its tables back. Its log does not change.
func (t *taker) undo(ctx context.Context, tx *sql.Tx, progress string, force bool, report *UndoReport) error {
	there, err := tableExists(ctx, t.d, tx, "sync_documents"+t.from)
	if err != nil {
		return err
	}
	if !there || progress != takeoverDone {
		return errNoTakeover
	}
	var behind int64
	if err := tx.QueryRowContext(ctx, t.text(undoUnsaved)).Scan(&behind); err != nil {
		return fmt.Errorf("comparing documents with the log: %w", err)
	}
	if behind > 0 {
		return errUnsaved
	}
	if err := t.undoLosses(ctx, tx, force, report); err != nil {
		return err
	}
	if report.Updated, err = t.change(ctx, tx, undoUpdate); err != nil {
		return fmt.Errorf("updating documents: %w", err)
	}
	if report.Added, err = t.change(ctx, tx, undoInsert); err != nil {
		return fmt.Errorf("adding documents: %w", err)
	}
	rename := t.d.Schema().Predecessor.Rename
	for _, statement := range []string{
		"DROP TABLE $(sync_change_log)", "DROP TABLE $(sync_documents)", "DROP TABLE $(names)", "DROP TABLE " + t.table("sync_meta"), "DROP TABLE " + t.table("sync_checkpoints"), "DROP TABLE " + t.table("sync_nodes"),
		rename(t.table("sync_documents"+t.from), "sync_documents"), rename(t.table("sync_change_log"+t.from), "sync_change_log"),
	} {
		if err := t.exec(ctx, tx, t.text(statement)); err != nil {
			return fmt.Errorf("renaming tables: %w", err)
		}
	}
	return nil
}

// undoLosses counts new documents whose names equal others in the predecessor's collation.
func (t *taker) undoLosses(ctx context.Context, tx *sql.Tx, force bool, report *UndoReport) error {
	err := eachRow(ctx, tx, t.text("SELECT room, store_key FROM "+undoNew+" WHERE NOT "+undoFits), func(rows *sql.Rows) error {
		var room, key string
		if err := rows.Scan(&room, &key); err != nil {
			return err
		}
		report.Lost++
		t.log.Warn("the name of this document equals another in the collation of the predecessor's tables", "room", room, "key", key)
		return nil
	})
	if err != nil {
		return fmt.Errorf("finding documents with equal names: %w", err)
	}
	if report.Lost > 0 && !force {
		return errWouldLose
	}
	return nil
}

func (t *taker) change(ctx context.Context, tx *sql.Tx, statement string) (int64, error) {
	result, err := tx.ExecContext(ctx, t.text(statement))
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

const (
	undoUnsaved = `SELECT COUNT(*) FROM $(sync_change_log) l
WHERE l.op_index >= 0 AND l.discarded IS NULL AND l.server_seq > (
	SELECT COALESCE(MAX(d.server_seq), 0) FROM $(sync_documents) d WHERE d.room = l.room AND d.store_key = l.store_key)`

	// The condition for the document that was copied from a row of the predecessor.
	undoSame = `d.room = COALESCE((SELECT n.new_name FROM $(names) n WHERE n.kind = 'room' AND n.old_name = $dotted($(sync_documents_old).room)), $exact($(sync_documents_old).room))
	AND d.store_key = COALESCE((SELECT n.new_name FROM $(names) n WHERE n.kind = 'key' AND n.old_name = $dotted($(sync_documents_old).store_key)), $exact($(sync_documents_old).store_key))`

	undoUpdate = `UPDATE $(sync_documents_old) SET
	state = (SELECT d.state FROM $(sync_documents) d WHERE ` + undoSame + `),
	updated_at = (SELECT d.updated_at FROM $(sync_documents) d WHERE ` + undoSame + `),
	server_seq = (SELECT d.server_seq FROM $(sync_documents) d WHERE ` + undoSame + `)
WHERE EXISTS (SELECT 1 FROM $(sync_documents) d WHERE ` + undoSame + ` AND d.server_seq > $(sync_documents_old).server_seq)`

	// Documents that were not copied from the predecessor. taken counts the predecessor's rows with an equal name in its
	// collation, and place numbers new documents with equal names.
	undoNew = `(SELECT d.room, d.store_key, d.state, d.server_seq, d.updated_at,
	(SELECT COUNT(*) FROM $(sync_documents_old) WHERE $(sync_documents_old).room = $current(d.room) AND $(sync_documents_old).store_key = $current(d.store_key)) AS taken,
	ROW_NUMBER() OVER (PARTITION BY $current(d.room), $current(d.store_key) ORDER BY d.updated_at DESC) AS place
FROM $(sync_documents) d
WHERE NOT EXISTS (SELECT 1 FROM $(sync_documents_old) WHERE ` + undoSame + `)) fresh`
	undoFits = `(taken = 0 AND place = 1)`

	undoInsert = `INSERT INTO $(sync_documents_old) (room, store_key, state, server_seq, updated_at)
SELECT room, store_key, state, server_seq, updated_at FROM ` + undoNew + ` WHERE ` + undoFits
)
