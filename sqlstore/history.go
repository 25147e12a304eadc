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
	if err := s.query.epoch.QueryRowContext(ctx).Scan(&epoch); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return s.expectEpoch(epoch)
}

// expectEpoch returns core.ErrHistoryChanged unless an epoch is the store's.
func (s *Store) expectEpoch(epoch string) error {
	if epoch != s.epoch {
		return fmt.Errorf("%w: its epoch was %q and is %q", core.ErrHistoryChanged, s.epoch, epoch)
	}
	return nil
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
func renewEpoch(ctx context.Context, d dialect.Dialect, old string) (epoch string, created bool, err error) {
	err = dialect.InTransaction(ctx, d.Writer(), func(tx *sql.Tx) error {
		if err := lockWrites(ctx, d, tx); err != nil {
			return err
		}
		epoch, created, err = replaceEpoch(ctx, d, tx, old)
		return err
	})
	return epoch, created, err
}

// replaceEpoch is renewEpoch in a transaction. The condition of the UPDATE also holds where a database ignores the locks
// of lockWrites: the second of two transactions waits for the row, and finds another epoch in it.
func replaceEpoch(ctx context.Context, d dialect.Dialect, tx *sql.Tx, old string) (epoch string, created bool, err error) {
	next := newEpoch()
	update := squirrel.Update(d.Schema().Syntax.Table("sync_meta")).Set("value", next).Where("name = ? AND value = ?", "epoch", old)
	if err := exec(ctx, d, tx, update); err != nil {
		return "", false, err
	}
	epoch, err = queryMeta(ctx, d, tx, "epoch")
	return epoch, epoch == next, err
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

// identityName is the row of sync_meta with the database's identity at the last start of a server.
const identityName = "database_identity"

// checkIdentity compares the database's identity with that of the last start of a server. It changes when a database was
// restored from a backup or a standby was promoted. The database may then lack acknowledged batches, so it gets a new
// epoch.
func (s *Store) checkIdentity(ctx context.Context) error {
	current, err := s.identity(ctx)
	if err != nil || current == "" {
		return err
	}
	known, err := knownIdentity(ctx, s.dialect, s.dialect.Reader())
	if err != nil {
		return err
	}
	var (
		stored  string // in the transaction
		epoch   = s.epoch
		created bool
	)
	if known == current { // another server may have stored it since s.epoch was read
		epoch, err = readEpoch(ctx, s.dialect)
	} else {
		err = dialect.InTransaction(ctx, s.dialect.Writer(), func(tx *sql.Tx) error {
			stored, epoch, created, err = s.replaceIdentity(ctx, tx, current)
			return err
		})
	}
	if err != nil && known == "" && stored == "" { // nothing to compare with; the next start may be able to store it
		s.set.log.Warn("storing the identity of the database failed", "error", s.dialect.Explain(err))
		return nil
	}
	if err != nil {
		return err
	}
	if created {
		s.set.log.Error("the database was restored from a backup, or a standby was promoted: it has a new epoch, and every reader starts with the full state",
			"oldEpoch", s.epoch, "epoch", epoch)
	}
	if epoch != s.epoch {
		s.epoch, s.created = epoch, created
	}
	return nil
}

// replaceIdentity stores the current identity, and replaces the epoch if another identity was stored, unless another server
// has done so. It returns the identity before, the current epoch, and whether it has created that.
func (s *Store) replaceIdentity(ctx context.Context, tx *sql.Tx, current string) (stored, epoch string, created bool, err error) {
	if err := lockWrites(ctx, s.dialect, tx); err != nil {
		return "", "", false, err
	}
	if stored, err = knownIdentity(ctx, s.dialect, tx); err != nil {
		return "", "", false, err
	}
	meta := s.dialect.Schema().Syntax.Table("sync_meta")
	switch stored {
	case "":
		err = exec(ctx, s.dialect, tx, squirrel.Insert(meta).Columns("name", "value").Values(identityName, current))
		return stored, s.epoch, false, err
	case current: // another server has stored it just now
		epoch, err = queryMeta(ctx, s.dialect, tx, "epoch")
		return stored, epoch, false, err
	}
	// s.epoch was read before the stored identity. If another server replaces both in between, the epoch is not replaced again.
	if epoch, created, err = replaceEpoch(ctx, s.dialect, tx, s.epoch); err == nil {
		err = exec(ctx, s.dialect, tx, squirrel.Update(meta).Set("value", current).Where("name = ?", identityName))
	}
	return stored, epoch, created, err
}

// identity returns the database's identity; "" if the database refuses to tell it. Many logins lack the permission, and
// some services lack the functions. Any other error, such as one of the network, is returned: the identity must not go
// unchecked because of a failover.
func (s *Store) identity(ctx context.Context) (string, error) {
	identity, err := s.dialect.Identity(ctx)
	if err == nil || s.dialect.LacksPermission(err) {
		return identity, nil
	}
	explained := s.dialect.Explain(err)
	if reported := (*dialect.Error)(nil); !errors.As(explained, &reported) || reported.ServerText == "" {
		return "", err
	}
	s.set.log.Warn("the identity of the database cannot be read, so a restored backup gets no new epoch", "error", explained)
	return "", nil
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
		epoch, err = readEpoch(ctx, d)
		return err
	})
	return epoch, err
}

// RotateEpoch replaces the epoch of a database, even while servers use it. Afterwards, no server acknowledges a batch under
// the old epoch. It creates no database.
func RotateEpoch(ctx context.Context, dsn string) (before, after string, err error) {
	err = withDatabase(ctx, dsn, func(ctx context.Context, d dialect.Dialect) (err error) {
		if before, err = readEpoch(ctx, d); err != nil {
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
