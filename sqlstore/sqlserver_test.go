package sqlstore

import (
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/storetest"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
	"github.com/pathsync/pathsync/sqlstore/internal/sqlserver"
)

func TestSQLServer(t *testing.T) {
	dsn := dbtest.SQLServer(t) // shared, because creating tables is slow
	storetest.Run(t, func(t *testing.T) core.Store { return openDSN(t, dsn) })
}

func TestSQLServerIsDurable(t *testing.T) {
	storetest.RunDurable(t, func(t *testing.T) func() (core.Store, error) {
		dsn := dbtest.SQLServer(t)
		return func() (core.Store, error) { return Open(t.Context(), dsn) }
	})
}

func TestMissingSchemaIsCreated(t *testing.T) {
	dsn := dbtest.SQLServer(t)
	dbtest.ExecSQLServer(t, dsn, "DROP SCHEMA [$(schema)]")
	appendHistory(t, openDSN(t, dsn), "room", 1, 1)
	dbtest.ExecSQLServer(t, dsn, "DELETE FROM [$(schema)].sync_change_log") // fails unless the schema exists
}

// Without READ_COMMITTED_SNAPSHOT, as on premises unless it is turned on, all reads are serializable.
func TestSQLServerWithSerializableReads(t *testing.T) {
	dsn := dbtest.SQLServer(t)
	storetest.Run(t, func(t *testing.T) core.Store {
		d, err := newDialect(dsn, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		d.Schema().Syntax.Prelude = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; "
		store, err := open(t.Context(), d, settings{log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(store.dialect.Schema().Syntax.Prelude, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE") {
			t.Fatal("reads are not serializable")
		}
		return store
	})
}

func TestEveryReadChecksReadCommittedSnapshot(t *testing.T) {
	d, err := newDialect("sqlserver://user:password@localhost?database=d", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	texts, err := dialect.BuildTexts(d.Placeholders(), d.Schema().Syntax)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{texts.Log, texts.FindBatch, texts.LastClientSeq, texts.Documents} {
		if !strings.HasPrefix(text, "IF EXISTS (") || !strings.Contains(text, "is_read_committed_snapshot_on = 0) SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT ") {
			t.Errorf("got %.200s", text)
		}
	}
}

// With a filtered index, every INSERT, UPDATE and DELETE under QUOTED_IDENTIFIER OFF fails: sqlcmd's and SQL Server
// Agent's default.
func TestMigrationsLeaveNoFilteredIndex(t *testing.T) {
	d, err := newDialect("sqlserver://user:password@localhost?database=d", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	create := regexp.MustCompile(`(?s)CREATE(?: UNIQUE)?(?: CLUSTERED)? INDEX (\w+)\s+ON [^;]*;`)
	filtered := map[string]bool{}
	for _, migration := range d.Schema().Migrations {
		for _, dropped := range regexp.MustCompile(`DROP INDEX (\w+)`).FindAllStringSubmatch(migration, -1) {
			delete(filtered, dropped[1])
		}
		for _, index := range create.FindAllStringSubmatch(migration, -1) {
			if strings.Contains(index[0], "WHERE") {
				filtered[index[1]] = true
			}
		}
	}
	if len(filtered) > 0 {
		t.Errorf("filtered indexes: %v", filtered)
	}
	dsn := dbtest.SQLServer(t)
	appendHistory(t, openDSN(t, dsn), "room", 1, 2)
	dbtest.ExecSQLServer(t, dsn, "SET QUOTED_IDENTIFIER OFF; DELETE FROM $(schema).sync_change_log WHERE server_seq = 2; UPDATE $(schema).sync_change_log SET client_id = N'x'")
}

func TestRolledBackTransactionIsRetried(t *testing.T) {
	store := &Store{dialect: new(sqlserver.Dialect)}
	for _, test := range []struct {
		name          string
		undone, wants int
		err           error
	}{
		{"never", 0, 1, nil},
		{"twice", 2, 3, nil},
		{"always", 1000, attempts, dialect.ErrRolledBack},
	} {
		t.Run(test.name, func(t *testing.T) {
			done := 0
			err := store.call("writing", func() error {
				if done++; done <= test.undone {
					return mssql.Error{Number: 1205}
				}
				return nil
			})
			if !errors.Is(err, test.err) || done != test.wants {
				t.Errorf("got error %v after %d attempts, want %v after %d", err, done, test.err, test.wants)
			}
		})
	}
	done := 0
	if err := store.call("writing", func() error { done++; return mssql.Error{Number: 8152} }); err == nil || done != 1 {
		t.Errorf("got error %v after %d attempts of what cannot be done", err, done)
	}
}

func TestUnreachableSQLServerNamesCause(t *testing.T) {
	for _, test := range []struct{ name, host, want string }{
		{"no server", dbtest.UnusedAddress(t), "connection refused"},
		{"no host", "absent.invalid", "its host name is not known"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantNotOpened(t, "sqlserver://scott:a-secret-of-tests@"+test.host+"?database=d", test.want)
		})
	}
}

func TestOpenSQLServerErrorNamesCauseAndWayOut(t *testing.T) {
	dsn := dbtest.SQLServer(t)
	for _, test := range []struct {
		name   string
		change func(u *url.URL, parameters url.Values)
		want   string
	}{
		{"another password", func(u *url.URL, _ url.Values) { u.User = url.UserPassword("sa", "a-wrong-secret") }, "check the user and the password"},
		{"no database", func(_ *url.URL, p url.Values) { p.Set("database", "absent") }, "the database does not exist"},
		{"an unknown certificate", func(_ *url.URL, p url.Values) { p.Set("encrypt", "true"); p.Del("TrustServerCertificate") }, "its certificate is"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := url.Parse(dsn)
			if err != nil {
				t.Fatal(err)
			}
			parameters := u.Query()
			test.change(u, parameters)
			u.RawQuery = parameters.Encode()
			wantNotOpened(t, u.String(), test.want)
		})
	}
}

const noEncryption = "it offers no encryption"

func TestSQLServerWithoutEncryptionNamesWayOut(t *testing.T) {
	dsn := "sqlserver://scott:a-secret-of-tests@" + dbtest.TDSWithoutEncryption(t) + "?database=d"
	wantNotOpened(t, dsn, noEncryption+": enable TLS there; for tests only, encrypt=disable in the URL connects without it")
}

func wantNotOpened(t *testing.T, dsn, want string) {
	t.Helper()
	store, err := Open(t.Context(), dsn)
	if err == nil {
		store.Close()
		t.Fatal("it was opened")
	}
	if strings.Contains(err.Error(), noEncryption) && !strings.Contains(want, noEncryption) {
		t.Skip("skipped: the server offers no encryption")
	}
	if !strings.Contains(err.Error(), "opening database sqlserver: ") || !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say %q", err, want)
	}
	dbtest.WantNoSecret(t, err, dsn)
}

func TestInvalidSQLServerURLIsNotInError(t *testing.T) {
	for dsn, want := range map[string]string{
		"sqlserver:": "sqlserver://user:password@host?database=NAME",
		"sqlserver://scott:ti%zzger@h?database=d":                      "not of the form",
		"sqlserver://scott:tiger@h:port?database=d":                    "not of the form",
		"sqlserver://scott:tiger@h?database=d&app+name=%zz":            "not of the form",
		"sqlserver://scott:tiger@h":                                    "needs the name of a database",
		"sqlserver://scott:tiger@h?database=d&encrypt=tiger":           "invalid encrypt",
		"sqlserver://scott:tiger@h?database=d&dial+timeout=tiger":      "invalid dial timeout",
		"sqlserver://scott:tiger@h?database=d&database=tiger":          "provided more than once",
		"sqlserver://scott:tiger@h?database=d&FedAuth=tiger":           "Entra ID",
		"sqlserver://scott:tiger@h?database=d&schema=a%5D%3B+DROP":     "the schema must be",
		"sqlserver://scott:tiger@h?database=d&schema=1a":               "the schema must be",
		"sqlserver://scott:tiger@h?database=d&schema=":                 "the schema must be",
		"sqlserver://scott:tiger@h?database=d&certificate=/absent.pem": "/absent.pem",
	} {
		_, err := Open(t.Context(), dsn)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "opening database") {
			t.Errorf("%s: got error %v, want one that says %q", dsn, err, want)
			continue
		}
		for _, secret := range []string{"tiger", "ti%", "scott", "@h?", "DROP"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q says %q", err, secret)
			}
		}
	}
}

// A program that embeds the store may lack the setting of cmd/pathsync for such certificates.
func TestNegativeSerialNumberNamesWayOut(t *testing.T) {
	address, handshakes := dbtest.TDSHandshakes(t, dbtest.NegativeSerial(t))
	_, err := Open(t.Context(), "sqlserver://sa:secret@"+address+"?database=mydb&TrustServerCertificate=true")
	dbtest.WantOutage(t, err, "negative serial number", "GODEBUG=x509negativeserial=1")
	if err := <-handshakes; err == nil {
		t.Error("the certificate is accepted, so this test shows nothing")
	}
}
