package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
	"github.com/pathsync/pathsync/sqlstore/internal/postgres"
)

// identified is a database with an identity of the test's choice.
type identified struct {
	dialect.Dialect
	identity func() (string, error)
	locks    []string // in place of the dialect's own
}

func (d identified) Identity(context.Context) (string, error) { return d.identity() }
func (d identified) LockWrites() []string                     { return d.locks }

// openIdentified opens a database with an identity. It also returns what the store has logged.
func openIdentified(t *testing.T, dsn string, identity func() (string, error), locks ...string) (*Store, string, error) {
	t.Helper()
	d, err := newDialect(dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	store, err := openWith(t.Context(), identified{d, identity, locks}, settings{log: slog.New(slog.NewTextHandler(&said, nil))})
	if err == nil {
		t.Cleanup(func() { store.Close() })
	}
	return store, said.String(), err
}

func is(identity string) func() (string, error) {
	return func() (string, error) { return identity, nil }
}

// rendezvous returns a function that blocks until n goroutines have called it.
func rendezvous(n int) func() {
	var arrived sync.WaitGroup
	arrived.Add(n)
	return func() { arrived.Done(); arrived.Wait() }
}

// The table locks are left out, because some databases ignore them.
func TestServersStartingOnRestoredCopyRenewEpochOnce(t *testing.T) {
	const servers, rounds = 3, 4
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		first, _, err := openIdentified(t, dsn, is("original"))
		if err != nil {
			t.Fatal(err)
		}
		before := first.Epoch()
		for round := range rounds {
			meet := rendezvous(servers)
			copied := func() (string, error) { meet(); return strings.Repeat("copy ", round+1), nil }
			stores := make([]*Store, servers)
			var all sync.WaitGroup
			for i := range stores {
				all.Go(func() {
					store, _, err := openIdentified(t, dsn, copied)
					if err != nil {
						t.Error(err)
						return
					}
					stores[i] = store
				})
			}
			all.Wait()
			if t.Failed() {
				return
			}
			now, err := Epoch(t.Context(), dsn)
			if err != nil || now == before {
				t.Fatalf("the epoch was %s and is %s, %v", before, now, err)
			}
			created := 0
			for _, store := range stores {
				if store.Epoch() != now {
					t.Errorf("a server has the epoch %s, want %s", store.Epoch(), now)
				}
				if store.Created() {
					created++
				}
				store.Close()
			}
			if created != 1 {
				t.Errorf("%d of %d servers have created the epoch", created, servers)
			}
			before = now
		}
	})
}

func TestServersThatDetectOneLossRenewEpochOnce(t *testing.T) {
	const servers = 4
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		old := openDSN(t, dsn).Epoch()
		for range 4 {
			meet := rendezvous(servers)
			epochs, created := make([]string, servers), make([]bool, servers)
			var all sync.WaitGroup
			for i := range servers {
				store, _, err := openIdentified(t, dsn, is(""))
				if err != nil {
					t.Fatal(err)
				}
				all.Go(func() {
					meet()
					if err := store.renew(t.Context()); err != nil {
						t.Error(err)
					}
					epochs[i], created[i] = store.Epoch(), store.Created()
				})
			}
			all.Wait()
			now, err := Epoch(t.Context(), dsn)
			creators := 0
			for i := range servers {
				if epochs[i] != now {
					t.Errorf("a server has the epoch %s, want %s", epochs[i], now)
				}
				if created[i] {
					creators++
				}
			}
			if err != nil || now == old || creators != 1 {
				t.Errorf("the epoch was %s and is %s, created by %d servers: %v", old, now, creators, err)
			}
			old = now
		}
	})
}

func TestRestoredCopyIsNotOpenedWhileItsIdentityCannotBeCompared(t *testing.T) {
	dsn := "sqlite:" + newFile(t)
	if _, _, err := openIdentified(t, dsn, is("original")); err != nil {
		t.Fatal(err)
	}
	before, err := Epoch(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	// Within the transaction, reading the identity fails, and reading the epoch does not.
	const hidden = `CREATE TEMP VIEW sync_meta AS SELECT name,
		CASE name WHEN 'database_identity' THEN abs(-9223372036854775807 - 1) ELSE value END AS value FROM main.sync_meta`
	if store, _, err := openIdentified(t, dsn, is("copy"), hidden); err == nil {
		t.Errorf("a copy is open with the epoch %s; the original has %s", store.Epoch(), before)
	}
	store, said, err := openIdentified(t, dsn, is("copy"))
	if err != nil || store.Epoch() == before || !store.Created() || !strings.Contains(said, "restored from a backup") {
		t.Errorf("%v; the epoch was %s; the log has %q", err, before, said)
	}
}

func TestFailureToStoreFirstIdentityKeepsEpoch(t *testing.T) {
	dsn := "sqlite:" + newFile(t)
	epoch := openDSN(t, dsn).Epoch()
	// The tables cannot be read within the transaction.
	store, said, err := openIdentified(t, dsn, is("original"), "ALTER TABLE sync_meta RENAME TO away")
	if err != nil {
		t.Fatal(err)
	}
	if store.Epoch() != epoch || store.Created() || !strings.Contains(said, "storing the identity") {
		t.Errorf("the epoch was %q and is %q, created: %v; the log has %q", epoch, store.Epoch(), store.Created(), said)
	}
}

func TestUnreadableIdentityIsLoggedAndNetworkFailureIsReturned(t *testing.T) {
	dsn := "sqlite:" + newFile(t)
	for _, test := range []struct {
		name   string
		err    error
		opens  bool
		logged string
	}{
		{"missing permission", &pgconn.PgError{Code: "42501", Message: "permission denied"}, true, ""},
		{"missing function", &pgconn.PgError{Code: "42883", Message: "function does not exist"}, true, "the identity of the database cannot be read"},
		{"network", io.ErrUnexpectedEOF, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := newDialect(dsn, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			asPostgres := explainedByPostgres{identified{d, func() (string, error) { return "", test.err }, nil}}
			store, err := openWith(t.Context(), asPostgres, settings{log: slog.New(slog.NewTextHandler(&said, nil))})
			if err == nil {
				defer store.Close()
			}
			if (err == nil) != test.opens || !test.opens && !errors.Is(err, test.err) {
				t.Errorf("err = %v", err)
			}
			if !strings.Contains(said.String(), test.logged) || test.logged == "" && said.Len() > 0 {
				t.Errorf("the log has %q, want %q", said.String(), test.logged)
			}
		})
	}
}

// explainedByPostgres explains errors as PostgreSQL's dialect does.
type explainedByPostgres struct{ identified }

func (explainedByPostgres) Explain(err error) error { return new(postgres.Dialect).Explain(err) }
func (explainedByPostgres) LacksPermission(err error) bool {
	return new(postgres.Dialect).LacksPermission(err)
}
