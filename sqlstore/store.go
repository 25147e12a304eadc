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

// Store is a core.Store in an SQL database. Make one with Open.
type Store struct {
	dialect dialect.Dialect
	query   statements
	epoch   string
	created bool // the epoch was chosen when this Store was opened
	set     settings

	// using is held for reading by each call, so that Close and Reopen let the calls under way end.
	using sync.RWMutex
	over  error // why there are no more calls; nil while there are
}

// Option changes how Open does what it does.
type Option func(*settings)

type settings struct {
	log      *slog.Logger
	existing bool // a database that has no tables yet is refused
}

// WithLog names the log for warnings about a database that can be used but should not be used like that, such as one
// without encryption. By default there is none.
func WithLog(log *slog.Logger) Option { return func(s *settings) { s.log = log } }

// Open connects to the database that dsn names, which is made if need be and brought to the schema that this version
// needs:
//
//	sqlite:FILE                              SQLite, FILE being relative to the working directory or absolute
//	postgres://USER:PASSWORD@HOST/DATABASE   PostgreSQL; see docs/postgresql.md
//	sqlserver://USER:PASSWORD@HOST?database= SQL Server; see docs/sqlserver.md
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
	if err := withTimeout(ctx, s.recognise); err != nil {
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

// openStepTimeout limits each step of opening a database, lest one that has stopped answering be waited for without
// end. Migrations alone have no limit: their tables may be large.
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
	return s.call("reaching the database", func() error { return s.sameEpoch(ctx) })
}

// Close implements core.Store.
func (s *Store) Close() error { return s.end(errClosed) }

// end closes the database, and is the answer to every later call.
func (s *Store) end(why error) error {
	s.using.Lock()
	defer s.using.Unlock()
	if s.over != nil {
		return nil
	}
	s.over = why
	if err := s.dialect.Close(); err != nil {
		return fmt.Errorf("closing the database: %w", err)
	}
	return nil
}

// text is what a name is handed over as in a common statement that looks for rows.
func (s *Store) text(name string) any { return s.dialect.Schema().Syntax.NameArgument(name) }

// attempts is how often what the database undoes is done altogether, before it is an error.
const attempts = 5

// call runs one use of the database, and says in its error what was being done. It may run it several times.
func (s *Store) call(doing string, use func() error) error {
	s.using.RLock()
	defer s.using.RUnlock()
	if s.over != nil {
		return fmt.Errorf("%s: %w", doing, s.over)
	}
	var err error
	for range attempts {
		err = use()
		if moved := s.dialect.Moved(); moved != nil { // whatever came of it, it is not in the database that has this name
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
	return fmt.Errorf("%s: %w", doing, err)
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

// CheckSQLiteFile returns an error if FILE in a DSN sqlite:FILE would be taken for something else than a file name, as
// other programs do.
func CheckSQLiteFile(file string) error { return sqlite.CheckName(file) }
