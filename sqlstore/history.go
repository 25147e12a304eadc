package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"

	"github.com/Masterminds/squirrel"

	"github.com/pathsync/pathsync/core"
)

// The epoch in sync_meta is a fence, together with the last row of each room's log. An append checks both after it has
// inserted its rows, in the same transaction: whatever another server committed before is visible to the check then, and
// whatever it is about to commit waits for the same entries of the unique index. See verdict.

// verdict is what a check of the database says about an append. Statements return or raise it as text.
type verdict string

const (
	// inOrder: the database has the epoch. Each room's log ends with what was inserted. The batch before that is in the
	// log, or the document rows reach it, or the room begins here.
	inOrder verdict = ""
	// otherEpoch: the database has another epoch, or none.
	otherEpoch verdict = "pathsync: epoch"
	// movedOn: a room's log has a batch beyond those that were inserted. The one that had their number may be pruned, but
	// the last batch of a log never is.
	movedOn verdict = "pathsync: conflict"
	// hasGap: the batch before those that were inserted is missing, although it was acknowledged.
	hasGap verdict = "pathsync: gap"
)

func (v verdict) error() error {
	switch v {
	case inOrder:
		return nil
	case movedOn:
		return core.ErrConflict
	case hasGap:
		return core.ErrHistoryLost
	default:
		return core.ErrHistoryChanged
	}
}

// span is what an append has of one room.
type span struct {
	room        string
	first, last int64 // serverSeq
}

// spans returns one span for each room, in the order of the rooms' first batches.
func spans(batches []*core.Batch) []span {
	var all []span
	at := make(map[string]int, len(batches))
	for _, b := range batches {
		i, ok := at[b.Room]
		if !ok {
			i = len(all)
			at[b.Room] = i
			all = append(all, span{b.Room, b.ServerSeq, b.ServerSeq})
		}
		all[i].first, all[i].last = min(all[i].first, b.ServerSeq), max(all[i].last, b.ServerSeq)
	}
	return all
}

// sameEpoch expects the store's epoch in the database. What was read before is of this history then.
func (s *Store) sameEpoch(ctx context.Context) error {
	var epoch string
	err := s.query.epoch.QueryRowContext(ctx).Scan(&epoch)
	if errors.Is(err, sql.ErrNoRows) || err == nil && epoch != s.epoch {
		return fmt.Errorf("%w: its epoch was %q and is %q", core.ErrHistoryChanged, s.epoch, epoch)
	}
	return err
}

// Reopen implements core.Store.
func (s *Store) Reopen(ctx context.Context, lost bool) (core.Store, error) {
	_ = s.end(core.ErrHistoryChanged) // the database may be gone, and nothing can be done about an error
	d, doubt, err := s.dialect.successor()
	if err != nil {
		return nil, fmt.Errorf("opening database %s again: %w", s.dialect.name(), err)
	}
	set := s.set
	set.existing = true
	next, err := openWith(ctx, d, set)
	if err != nil {
		return nil, err
	}
	if (lost || doubt) && next.epoch == s.epoch {
		if err := next.renew(ctx); err != nil {
			return nil, errors.Join(err, next.Close())
		}
	}
	return next, nil
}

// renew gives the database a new epoch and the store the one that it has then.
func (s *Store) renew(ctx context.Context) error {
	epoch, changed, err := renewEpoch(ctx, s.dialect, s.epoch)
	if err != nil {
		return fmt.Errorf("renewing the epoch: %w", s.dialect.explain(err))
	}
	s.epoch, s.created = epoch, changed
	return nil
}

// renewEpoch replaces an epoch, unless another process did: several servers that find the same loss renew it once. It
// returns the epoch that the database has then, and whether it was chosen here.
func renewEpoch(ctx context.Context, d dialect, old string) (epoch string, changed bool, err error) {
	err = inTransaction(ctx, d.writer(), func(tx *sql.Tx) error {
		if err := lockWrites(ctx, d, tx); err != nil {
			return err
		}
		if epoch, err = queryMeta(ctx, d, tx, "epoch"); err != nil || epoch != old {
			return err
		}
		epoch, changed = newEpoch(), true
		return setMeta(ctx, d, tx, "epoch", epoch)
	})
	return epoch, changed, err
}

// lockWrites waits for the transactions that write the log or documents, and keeps further ones waiting until tx ends.
// Those check the epoch after they have got their locks, so none of them is acknowledged under an epoch that tx ends.
func lockWrites(ctx context.Context, d dialect, tx *sql.Tx) error {
	for _, lock := range d.lockWrites() {
		if _, err := tx.ExecContext(ctx, lock); err != nil {
			return err
		}
	}
	return nil
}

func setMeta(ctx context.Context, d dialect, tx *sql.Tx, name, value string) error {
	return exec(ctx, d, tx, squirrel.Update(d.schema().idiom.table("sync_meta")).Set("value", value).Where("name = ?", name))
}

// identityName is the row of sync_meta with what the database said of itself when a server last opened it.
const identityName = "database_identity"

// recognise compares what the database says of itself with what it said when a server last opened it. Another identity
// means that the database was restored from a backup, or that a standby has taken over. It may lack what was
// acknowledged, so it gets a new epoch.
func (s *Store) recognise(ctx context.Context) error {
	identity, err := s.dialect.identity(ctx)
	if err != nil || identity == "" {
		return nil //nolint:nilerr // many users may not ask; then the database cannot tell
	}
	known, err := knownIdentity(ctx, s.dialect, s.dialect.reader())
	if err != nil || known == identity {
		return err
	}
	old := s.epoch
	err = inTransaction(ctx, s.dialect.writer(), func(tx *sql.Tx) error {
		if err := lockWrites(ctx, s.dialect, tx); err != nil {
			return err
		}
		if s.epoch, err = queryMeta(ctx, s.dialect, tx, "epoch"); err != nil {
			return err
		}
		switch known, err = knownIdentity(ctx, s.dialect, tx); {
		case err != nil || known == identity: // another server was faster
			return err
		case known == "":
			return exec(ctx, s.dialect, tx, squirrel.Insert(s.dialect.schema().idiom.table("sync_meta")).
				Columns("name", "value").Values(identityName, identity))
		}
		s.epoch, s.created = newEpoch(), true
		if err := setMeta(ctx, s.dialect, tx, "epoch", s.epoch); err != nil {
			return err
		}
		return setMeta(ctx, s.dialect, tx, identityName, identity)
	})
	if known == "" && err != nil { // it is compared from the next start on that can write it down
		s.set.log.Warn("the identity of the database could not be recorded", "error", s.dialect.explain(err))
		return nil //nolint:nilerr // the database can be used without it
	}
	if err == nil && s.epoch != old {
		s.set.log.Error("the database was restored from a backup, or another server took it over: it has a new epoch, and every reader starts again",
			"was", old, "epoch", s.epoch)
	}
	return err
}

// knownIdentity returns the identity in sync_meta, and "" if there is none.
func knownIdentity(ctx context.Context, d dialect, db queryer) (identity string, err error) {
	query, args, err := squirrel.Select("MAX(value)").From(d.schema().idiom.table("sync_meta")).
		Where("name = ?", identityName).PlaceholderFormat(d.placeholders()).ToSql()
	if err != nil {
		return "", err
	}
	var known sql.NullString
	err = db.QueryRowContext(ctx, query, args...).Scan(&known)
	return known.String, err
}

// expectTables refuses a database that a server has not used yet.
func expectTables(ctx context.Context, d dialect) error {
	version, err := schemaVersion(ctx, d, d.writer())
	if err == nil && version == 0 {
		err = errors.New("it has no tables of pathsync: restore them, or restart the server to begin with an empty database")
	}
	return err
}

// Epoch returns the epoch of the database that dsn names. It changes nothing, and creates no database.
func Epoch(ctx context.Context, dsn string) (epoch string, err error) {
	err = withDatabase(ctx, dsn, func(ctx context.Context, d dialect) (err error) {
		epoch, err = readMeta(ctx, d, "epoch")
		return err
	})
	return epoch, err
}

// RotateEpoch gives the database that dsn names a new epoch, also while servers use it. None of them acknowledges a
// batch under the old epoch afterwards. It creates no database.
func RotateEpoch(ctx context.Context, dsn string) (before, after string, err error) {
	err = withDatabase(ctx, dsn, func(ctx context.Context, d dialect) (err error) {
		if before, err = readMeta(ctx, d, "epoch"); err != nil {
			return err
		}
		after, _, err = renewEpoch(ctx, d, before)
		return err
	})
	return before, after, err
}

// withDatabase connects to a database that a server has used, and does not migrate it.
func withDatabase(ctx context.Context, dsn string, use func(context.Context, dialect) error) error {
	d, err := newDialect(dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	defer func() { d.close() }()
	if file, ok := d.(*sqlite); ok {
		existing, err := file.existing()
		if err != nil {
			return fmt.Errorf("opening database %s: %w", d.name(), err)
		}
		d = existing
	}
	for _, step := range []func(context.Context) error{
		d.connect,
		func(ctx context.Context) error { return expectTables(ctx, d) },
		func(ctx context.Context) error { return use(ctx, d) },
	} {
		if err := soon(ctx, step); err != nil {
			return fmt.Errorf("opening database %s: %w", d.name(), d.explain(err))
		}
	}
	return nil
}
