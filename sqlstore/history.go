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

// sameEpoch returns core.ErrHistoryChanged unless the database has the store's epoch. Then everything read before is of this
// history.
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
	_ = s.closeWith(core.ErrHistoryChanged) // closing fails if the database is gone
	d, uncertain, err := s.dialect.Reopen()
	if err != nil {
		return nil, fmt.Errorf("opening database %s again: %w", s.dialect.Name(), err)
	}
	set := s.set
	set.existing = true
	next, err := openWith(ctx, d, set)
	if err != nil {
		return nil, err
	}
	if (lost || uncertain) && next.epoch == s.epoch {
		if err := next.renew(ctx); err != nil {
			return nil, errors.Join(err, next.Close())
		}
	}
	return next, nil
}

// renew replaces the epoch of the database, unless another server has, and sets the epoch of the store.
func (s *Store) renew(ctx context.Context) error {
	epoch, changed, err := renewEpoch(ctx, s.dialect, s.epoch)
	if err != nil {
		return fmt.Errorf("renewing the epoch: %w", s.dialect.Explain(err))
	}
	s.epoch, s.created = epoch, changed
	return nil
}

// renewEpoch replaces an epoch, unless another process has: several servers that detect the same loss renew it once. It
// returns the current epoch, and whether this call has created it.
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

// lockWrites waits for transactions that write the log or documents, and blocks further ones until tx ends. They check the
// epoch after they have acquired their locks, so none of them is acknowledged under an epoch that tx replaces.
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

// identityName is the row of sync_meta with the database's identity at the last start of a server.
const identityName = "database_identity"

// checkIdentity compares the database's identity with that of the last start of a server. It changes when a database was
// restored from a backup or a standby was promoted. The database may then lack acknowledged batches, so it gets a new
// epoch.
func (s *Store) checkIdentity(ctx context.Context) error {
	identity, err := s.dialect.Identity(ctx)
	if err != nil || identity == "" {
		return nil //nolint:nilerr // optional: many logins lack the permission
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
		case err != nil || known == identity: // another server has stored it
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
	if known == "" && err != nil { // the next start that can store it
		s.set.log.Warn("storing the identity of the database failed", "error", s.dialect.Explain(err))
		return nil //nolint:nilerr // optional
	}
	if err == nil && s.epoch != old {
		s.set.log.Error("the database was restored from a backup, or a standby was promoted: it has a new epoch, and every reader starts with the full state",
			"oldEpoch", old, "epoch", s.epoch)
	}
	return err
}

// knownIdentity returns the identity in sync_meta; "" without one.
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

// expectTables returns an error if the database has no tables of pathsync.
func expectTables(ctx context.Context, d dialect.Dialect) error {
	version, err := schemaVersion(ctx, d, d.Writer())
	if err == nil && version == 0 {
		err = errors.New("the database has no tables of pathsync: restore them, or restart the server to create them")
	}
	return err
}

// Epoch returns the epoch of a database. It changes nothing, and creates no database.
func Epoch(ctx context.Context, dsn string) (epoch string, err error) {
	err = withDatabase(ctx, dsn, func(ctx context.Context, d dialect.Dialect) (err error) {
		epoch, err = readMeta(ctx, d, "epoch")
		return err
	})
	return epoch, err
}

// RotateEpoch replaces the epoch of a database, even while servers use it. Afterwards, no server acknowledges a batch under
// the old epoch. It creates no database.
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

// withDatabase connects to a database that has tables, without migrating it, and calls use.
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
