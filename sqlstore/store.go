package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/pathsync/pathsync/core"
)

var _ core.Store = (*Store)(nil)

var errClosed = errors.New("the store is closed")

// Store is a core.Store in an SQL database. Make one with Open.
type Store struct {
	dialect dialect
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
		return nil, fmt.Errorf("opening database: %w", hopeless{err})
	}
	return openWith(ctx, d, set)
}

func openWith(ctx context.Context, d dialect, set settings) (*Store, error) {
	s, err := open(ctx, d, set)
	if err != nil {
		d.close()
		return nil, fmt.Errorf("opening database %s: %w", d.name(), d.explain(err))
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

func open(ctx context.Context, d dialect, set settings) (*Store, error) {
	if err := soon(ctx, d.connect); err != nil {
		return nil, err
	}
	if set.existing {
		if err := soon(ctx, func(ctx context.Context) error { return expectTables(ctx, d) }); err != nil {
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
	if err := soon(ctx, d.start); err != nil {
		return nil, err
	}
	s := &Store{dialect: d, epoch: epoch, created: created, set: set}
	if err := soon(ctx, s.recognise); err != nil {
		return nil, err
	}
	err = soon(ctx, func(ctx context.Context) (err error) {
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

func soon(ctx context.Context, step func(context.Context) error) error {
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
	if err := s.dialect.close(); err != nil {
		return fmt.Errorf("closing the database: %w", err)
	}
	return nil
}

// text is what a name is handed over as in a common statement that looks for rows.
func (s *Store) text(name string) any { return s.dialect.schema().idiom.nameArgument(name) }

// errUndone is part of an error when the database has undone what was being done, because another transaction was in
// the way. It may be done again at once.
var errUndone = errors.New("another transaction was in the way")

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
		if moved := s.dialect.moved(); moved != nil { // whatever came of it, it is not in the database that has this name
			err = moved
			break
		}
		if err == nil {
			return nil
		}
		if err = s.dialect.explain(err); !errors.Is(err, errUndone) {
			break
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// inTransaction writes all or nothing. Until it returns nil, or an error of write, the fate of what was written is
// open: a COMMIT may have reached the database though its answer was lost.
func inTransaction(ctx context.Context, db *sql.DB, write func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if err := write(tx); err != nil {
		return err
	}
	return tx.Commit()
}
