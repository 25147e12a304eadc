package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
	"github.com/pathsync/pathsync/sqlstore/internal/postgres"
	"github.com/pathsync/pathsync/sqlstore/internal/sqlite"
	"github.com/pathsync/pathsync/sqlstore/internal/sqlserver"
)

var _ core.Store = (*Store)(nil)

var errClosed = errors.New("the store is closed")

// Store is a core.Store in an SQL database. Open returns one.
type Store struct {
	dialect dialect.Dialect
	query   statements
	epoch   string
	created bool // Open has created the epoch
	set     settings

	// mu is held for reading during each call, so that Close and Reopen wait for running calls.
	mu     sync.RWMutex
	closed error // the reason, once the store is closed
}

// Option is an option of Open.
type Option func(*settings)

type settings struct {
	log      *slog.Logger
	existing bool // Open fails if the database has no tables
}

// WithLog sets the log for warnings, such as of an unencrypted connection, and for the progress of a takeover. By default,
// nothing is logged.
func WithLog(log *slog.Logger) Option { return func(s *settings) { s.log = log } }

// Open connects to a database, and migrates its tables to the schema of this version. It creates a missing SQLite file, and
// takes over the tables of nuxt-synced-pinia-store (see TakeOver). The forms of dsn are:
//
//	sqlite:FILE                              SQLite; FILE is absolute or relative to the working directory
//	postgres://USER:PASSWORD@HOST/DATABASE   PostgreSQL; see docs/run/postgresql.md
//	sqlserver://USER:PASSWORD@HOST?database= SQL Server; see docs/run/sqlserver.md
func Open(ctx context.Context, dsn string, options ...Option) (*Store, error) {
	set := newSettings(options)
	d, err := newDialect(dsn, set.log)
	if err != nil {
		return nil, fmt.Errorf("opening database: %w", dialect.Permanent{Err: err})
	}
	return openWith(ctx, d, set)
}

func openWith(ctx context.Context, d dialect.Dialect, set settings) (*Store, error) {
	s, err := open(ctx, d, set)
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("opening database %s: %w", d.Name(), d.Explain(err))
	}
	return s, nil
}

func newSettings(options []Option) settings {
	set := settings{log: slog.New(slog.DiscardHandler)}
	for _, o := range options {
		o(&set)
	}
	return set
}

func open(ctx context.Context, d dialect.Dialect, set settings) (*Store, error) {
	if err := withTimeout(ctx, d.Connect); err != nil {
		return nil, err
	}
	if set.existing {
		if err := withTimeout(ctx, func(ctx context.Context) error { return expectTables(ctx, d) }); err != nil {
			return nil, err
		}
	}
	epoch, created, err := migrate(ctx, d)
	if err != nil {
		return nil, err
	}
	if _, err := takeOver(ctx, d, set.log); err != nil {
		return nil, err
	}
	if err := withTimeout(ctx, d.Start); err != nil {
		return nil, err
	}
	s := &Store{dialect: d, epoch: epoch, created: created, set: set}
	if err := withTimeout(ctx, s.checkIdentity); err != nil {
		return nil, err
	}
	err = withTimeout(ctx, func(ctx context.Context) (err error) {
		s.query, err = prepare(ctx, d)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// openStepTimeout limits each step of Open, in case the database does not respond. Migrations and takeovers have no limit,
// because tables may be large.
const openStepTimeout = 30 * time.Second

func withTimeout(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, openStepTimeout)
	defer cancel()
	return step(ctx)
}

// Epoch implements core.Store.
func (s *Store) Epoch() string { return s.epoch }

// Created implements core.Store.
func (s *Store) Created() bool { return s.created }

// Ping implements core.Store.
func (s *Store) Ping(ctx context.Context) error {
	return s.call("pinging the database", func() error { return s.sameEpoch(ctx) })
}

// Close implements core.Store.
func (s *Store) Close() error { return s.closeWith(errClosed) }

// closeWith closes the database. Every later call returns an error that wraps reason.
func (s *Store) closeWith(reason error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed != nil {
		return nil
	}
	s.closed = reason
	if err := s.dialect.Close(); err != nil {
		return fmt.Errorf("closing the database: %w", err)
	}
	return nil
}

// name converts a room, key, client id or epoch to an argument of a common statement.
func (s *Store) name(name string) any { return s.dialect.Schema().Syntax.NameArgument(name) }

// attempts is the maximum number of attempts of a transaction that the database rolls back; see dialect.ErrRolledBack.
const attempts = 5

// call runs one use of the database, up to attempts times. action is the first part of its error.
func (s *Store) call(action string, use func() error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed != nil {
		return fmt.Errorf("%s: %w", action, s.closed)
	}
	var err error
	for range attempts {
		err = use()
		if moved := s.dialect.Moved(); moved != nil { // even a successful write is in a file that no other process opens
			err = moved
			break
		}
		if err == nil {
			return nil
		}
		if err = s.dialect.Explain(err); !errors.Is(err, dialect.ErrRolledBack) {
			break
		}
	}
	return fmt.Errorf("%s: %w", action, err)
}

// newDialect selects the dialect by the scheme of a DSN. It connects to nothing yet. Errors contain nothing after the scheme,
// which may contain a password. It logs a warning if the connection would not be secure.
func newDialect(dsn string, log *slog.Logger) (dialect.Dialect, error) {
	scheme, rest, _ := strings.Cut(dsn, ":")
	switch scheme {
	case "sqlite":
		return sqlite.New(rest)
	case "postgres", "postgresql":
		return postgres.New(dsn, log)
	case "sqlserver":
		return sqlserver.New(dsn, log)
	default:
		return nil, fmt.Errorf("%q is not a known kind of database: use sqlite:FILE, postgres://… or sqlserver://…", scheme)
	}
}

// CheckURL returns an error if Open could not read a DSN. It connects to nothing. Errors contain nothing after the scheme.
func CheckURL(dsn string) error {
	d, err := newDialect(dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return d.Close()
}

// CheckSQLiteFile returns an error if FILE in a DSN sqlite:FILE would be taken for something else than a file name, as
// other programs do.
func CheckSQLiteFile(file string) error { return sqlite.CheckName(file) }
