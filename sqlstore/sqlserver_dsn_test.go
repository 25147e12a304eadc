package sqlstore

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/microsoft/go-mssqldb/msdsn"
)

func TestSQLServerIsEncryptedAndItsCertificateCheckedUnlessTheURLSaysOtherwise(t *testing.T) {
	for _, dsn := range []string{
		"sqlserver://u:p@db.example.com?database=d", "sqlserver://u:p@db.example.com:1433?database=d&encrypt=true",
		"sqlserver://u:p@db.example.com?database=d&Encrypt=mandatory&app+name=x",
		"sqlserver://u:p@db.example.com?database=d&encrypt=strict&TrustServerCertificate=true", // strict does not listen
	} {
		target, err := parseSQLServerDSN(dsn)
		if err != nil {
			t.Fatal(err)
		}
		c := target.driver
		if c.Encryption != msdsn.EncryptionRequired && c.Encryption != msdsn.EncryptionStrict || c.TLSConfig.InsecureSkipVerify {
			t.Errorf("%s: it can be reached without a checked certificate", dsn)
		}
		if target.risk != "" {
			t.Errorf("%s: %s", dsn, target.risk)
		}
	}
}

func TestALackOfSafetyOfSQLServerIsWarnedOfOnce(t *testing.T) {
	const notEncrypted, notChecked = "it is not encrypted", "the server's certificate is not checked"
	for _, test := range []struct{ dsn, want string }{
		{"sqlserver://u:secret@db.example.com?database=d&encrypt=disable", notEncrypted},
		{"sqlserver://u:secret@db.example.com?database=d&encrypt=false", notEncrypted},
		{"sqlserver://u:secret@db.example.com?database=d&ENCRYPT=optional&trustservercertificate=true", notEncrypted},
		{"sqlserver://u:secret@db.example.com?database=d&TrustServerCertificate=true", notChecked},
		{"sqlserver://u:secret@db.example.com?database=d&encrypt=true&trustServerCertificate=yes", notChecked},
		{"sqlserver://u:secret@db.example.com?database=d", ""},
		{"sqlserver://u:secret@127.0.0.1?database=d&encrypt=disable", ""},
		{"sqlserver://u:secret@localhost:1433?database=d&TrustServerCertificate=true", ""},
	} {
		t.Run(test.dsn, func(t *testing.T) {
			var log bytes.Buffer
			d, err := newDialect(test.dsn, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			defer d.close()
			if got := strings.Count(log.String(), "level=WARN"); got != min(1, len(test.want)) || !strings.Contains(log.String(), test.want) {
				t.Errorf("got log %q, want %q", log.String(), test.want)
			}
			if strings.Contains(log.String(), "secret") || strings.Contains(log.String(), "example.com") {
				t.Errorf("the log says %s", log.String())
			}
		})
	}
}

func TestASQLServerURLNamesHostInstanceDatabaseAndSchema(t *testing.T) {
	for dsn, want := range map[string]struct {
		host, instance, user, password, database, schema string
		port                                             uint64
	}{
		"sqlserver://ann:pw@db:1433?database=boards":            {"db", "", "ann", "pw", "boards", "dbo", 1433},
		`sqlserver://ann:pw@db\SQLEXPRESS?database=boards`:      {"db", "SQLEXPRESS", "ann", "pw", "boards", "dbo", 0},
		"sqlserver://ann:pw@db/SQLEXPRESS?database=boards":      {"db", "SQLEXPRESS", "ann", "pw", "boards", "dbo", 0},
		"sqlserver://CORP%5Cann:p%40w%3F@db?database=boards":    {"db", "", `CORP\ann`, "p@w?", "boards", "dbo", 0},
		"sqlserver://ann:pw@db?database=boards&schema=pathsync": {"db", "", "ann", "pw", "boards", "pathsync", 0},
		"sqlserver://ann:pw@[::1]:14330?DATABASE=b&Schema=_ü1":  {"::1", "", "ann", "pw", "b", "_ü1", 14330},
	} {
		target, err := parseSQLServerDSN(dsn)
		if err != nil {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		c := target.driver
		if c.Host != want.host || c.Instance != want.instance || c.User != want.user || c.Password != want.password ||
			c.Database != want.database || target.schema != want.schema || c.Port != want.port {
			t.Errorf("%s: got %q %q %q %q %q %q %d, want %v", dsn,
				c.Host, c.Instance, c.User, c.Password, c.Database, target.schema, c.Port, want)
		}
		if _, passedOn := c.Parameters["schema"]; passedOn {
			t.Errorf("%s: the driver is told the schema", dsn)
		}
	}
}

func TestASQLServerURLThatCannotBeReadIsNotRepeated(t *testing.T) {
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

func TestALoginByEntraIDIsWhatTheURLSays(t *testing.T) {
	for _, how := range []string{
		"ActiveDirectoryDefault", "ActiveDirectoryMSI", "ActiveDirectoryAzCli",
		"ActiveDirectoryServicePrincipal&user+id=app@tenant&password=secret",
	} {
		if _, err := parseSQLServerDSN("sqlserver://h.database.windows.net?database=d&fedauth=" + how); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
	for _, how := range []string{"ActiveDirectoryPassword&user+id=ann&password=secret", "secret"} {
		_, err := parseSQLServerDSN("sqlserver://h?database=d&fedauth=" + how)
		if err == nil || !strings.Contains(err.Error(), "Entra ID") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got error %v", how, err)
		}
	}
}
