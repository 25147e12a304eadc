package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"

	"github.com/Masterminds/squirrel"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

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
	d, doubt, err := s.dialect.Reopen()
	if err != nil {
		return nil, fmt.Errorf("opening database %s again: %w", s.dialect.Name(), err)
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
		return fmt.Errorf("renewing the epoch: %w", s.dialect.Explain(err))
	}
	s.epoch, s.created = epoch, changed
	return nil
}

// renewEpoch replaces an epoch, unless another process did: several servers that find the same loss renew it once. It
// returns the epoch that the database has then, and whether it was chosen here.
func renewEpoch(ctx context.Context, d dialect.Dialect, old string) (epoch string, changed bool, err error) {
	err = dialect.InTransaction(ctx, d.Writer(), func(tx *sql.Tx) error {
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
func lockWrites(ctx context.Context, d dialect.Dialect, tx *sql.Tx) error {
	for _, lock := range d.LockWrites() {
		if _, err := tx.ExecContext(ctx, lock); err != nil {
			return err
		}
	}
	return nil
}

func setMeta(ctx context.Context, d dialect.Dialect, tx *sql.Tx, name, value string) error {
	return exec(ctx, d, tx, squirrel.Update(d.Schema().Syntax.Table("sync_meta")).Set("value", value).Where("name = ?", name))
}

// identityName is the row of sync_meta with what the database said of itself when a server last opened it.
const identityName = "database_identity"

// recognise compares what the database says of itself with what it said when a server last opened it. Another identity
// means that the database was restored from a backup, or that a standby has taken over. It may lack what was
// acknowledged, so it gets a new epoch.
func (s *Store) recognise(ctx context.Context) error {
	identity, err := s.dialect.Identity(ctx)
	if err != nil || identity == "" {
		return nil //nolint:nilerr // many users may not ask; then the database cannot tell
	}
	known, err := knownIdentity(ctx, s.dialect, s.dialect.Reader())
	if err != nil || known == identity {
		return err
	}
	old := s.epoch
	err = dialect.InTransaction(ctx, s.dialect.Writer(), func(tx *sql.Tx) error {
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
			return exec(ctx, s.dialect, tx, squirrel.Insert(s.dialect.Schema().Syntax.Table("sync_meta")).
				Columns("name", "value").Values(identityName, identity))
		}
		s.epoch, s.created = newEpoch(), true
		if err := setMeta(ctx, s.dialect, tx, "epoch", s.epoch); err != nil {
			return err
		}
		return setMeta(ctx, s.dialect, tx, identityName, identity)
	})
	if known == "" && err != nil { // it is compared from the next start on that can write it down
		s.set.log.Warn("the identity of the database could not be recorded", "error", s.dialect.Explain(err))
		return nil //nolint:nilerr // the database can be used without it
	}
	if err == nil && s.epoch != old {
		s.set.log.Error("the database was restored from a backup, or another server took it over: it has a new epoch, and every reader starts again",
			"was", old, "epoch", s.epoch)
	}
	return err
}

// knownIdentity returns the identity in sync_meta, and "" if there is none.
func knownIdentity(ctx context.Context, d dialect.Dialect, db queryer) (identity string, err error) {
	query, args, err := squirrel.Select("MAX(value)").From(d.Schema().Syntax.Table("sync_meta")).
		Where("name = ?", identityName).PlaceholderFormat(d.Placeholders()).ToSql()
	if err != nil {
		return "", err
	}
	var known sql.NullString
	err = db.QueryRowContext(ctx, query, args...).Scan(&known)
	return known.String, err
}

// expectTables refuses a database that a server has not used yet.
func expectTables(ctx context.Context, d dialect.Dialect) error {
	version, err := schemaVersion(ctx, d, d.Writer())
	if err == nil && version == 0 {
		err = errors.New("it has no tables of pathsync: restore them, or restart the server to begin with an empty database")
	}
	return err
}

// Epoch returns the epoch of the database that dsn names. It changes nothing, and creates no database.
func Epoch(ctx context.Context, dsn string) (epoch string, err error) {
	err = withDatabase(ctx, dsn, func(ctx context.Context, d dialect.Dialect) (err error) {
		epoch, err = readMeta(ctx, d, "epoch")
		return err
	})
	return epoch, err
}

// RotateEpoch gives the database that dsn names a new epoch, also while servers use it. None of them acknowledges a
// batch under the old epoch afterwards. It creates no database.
func RotateEpoch(ctx context.Context, dsn string) (before, after string, err error) {
	err = withDatabase(ctx, dsn, func(ctx context.Context, d dialect.Dialect) (err error) {
		if before, err = readMeta(ctx, d, "epoch"); err != nil {
			return err
		}
		after, _, err = renewEpoch(ctx, d, before)
		return err
	})
	return before, after, err
}

// withDatabase connects to a database that a server has used, and does not migrate it.
func withDatabase(ctx context.Context, dsn string, use func(context.Context, dialect.Dialect) error) error {
	d, err := newDialect(dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	defer func() { d.Close() }()
	existing, err := d.Existing()
	if err != nil {
		return fmt.Errorf("opening database %s: %w", d.Name(), err)
	}
	d = existing
	for _, step := range []func(context.Context) error{
		d.Connect,
		func(ctx context.Context) error { return expectTables(ctx, d) },
		func(ctx context.Context) error { return use(ctx, d) },
	} {
		if err := withTimeout(ctx, step); err != nil {
			return fmt.Errorf("opening database %s: %w", d.Name(), d.Explain(err))
		}
	}
	return nil
}
