package sqlserver

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/microsoft/go-mssqldb/msdsn"
)

func TestSQLServerConnectionIsEncryptedAndVerifiedByDefault(t *testing.T) {
	for _, dsn := range []string{
		"sqlserver://u:p@db.example.com?database=d", "sqlserver://u:p@db.example.com:1433?database=d&encrypt=true",
		"sqlserver://u:p@db.example.com?database=d&Encrypt=mandatory&app+name=x",
		"sqlserver://u:p@db.example.com?database=d&encrypt=strict&TrustServerCertificate=true", // strict does not listen
	} {
		target, err := parseDSN(dsn)
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

func TestInsecureSQLServerConnectionIsLoggedOnce(t *testing.T) {
	const notEncrypted, notChecked = "it is not encrypted", "the server's certificate is not verified"
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
			d, err := New(test.dsn, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if got := strings.Count(log.String(), "level=WARN"); got != min(1, len(test.want)) || !strings.Contains(log.String(), test.want) {
				t.Errorf("got log %q, want %q", log.String(), test.want)
			}
			if strings.Contains(log.String(), "secret") || strings.Contains(log.String(), "example.com") {
				t.Errorf("the log says %s", log.String())
			}
		})
	}
}

func TestSQLServerURLHasHostInstanceDatabaseAndSchema(t *testing.T) {
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
		target, err := parseDSN(dsn)
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

func TestEntraIDParametersAreChecked(t *testing.T) {
	for _, how := range []string{
		"ActiveDirectoryDefault", "ActiveDirectoryMSI", "ActiveDirectoryAzCli",
		"ActiveDirectoryServicePrincipal&user+id=app@tenant&password=secret",
	} {
		if _, err := parseDSN("sqlserver://h.database.windows.net?database=d&fedauth=" + how); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
	for _, how := range []string{"ActiveDirectoryPassword&user+id=ann&password=secret", "secret"} {
		_, err := parseDSN("sqlserver://h?database=d&fedauth=" + how)
		if err == nil || !strings.Contains(err.Error(), "Entra ID") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got error %v", how, err)
		}
	}
}

// What is copied from a page has to work.
func TestEveryDocumentedURLIsValid(t *testing.T) {
	found := 0
	for _, pattern := range []string{"../../../README.md", "../../../docs/*/*.md", "../../../cmd/pathsync/*.go", "../../../deploy/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil || strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, dsn := range regexp.MustCompile("sqlserver://[^\\s'\"`]+").FindAllString(string(text), -1) {
				if strings.ContainsAny(dsn, "…{<%") && !strings.Contains(dsn, "%40") || strings.HasSuffix(dsn, "://") {
					continue // an abbreviation
				}
				found++
				if _, err := parseDSN(dsn); err != nil {
					t.Errorf("%s: %s: %v", file, dsn, err)
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d URLs were found", found)
	}
}

// The page for those who come from the predecessor has a server with a certificate of its own.
func TestMigrationPageURLTrustsSelfSignedCertificate(t *testing.T) {
	page, err := os.ReadFile("../../../docs/build/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	dsn := regexp.MustCompile(`PATHSYNC_DATABASE='(sqlserver://sa[^']+)'`).FindStringSubmatch(string(page))
	if dsn == nil {
		t.Fatal("the page has no URL to copy")
	}
	target, err := parseDSN(dsn[1])
	if err != nil || !target.driver.TrustServerCertificate || target.driver.Instance != "SQLEXPRESS01" || target.driver.Database != "mydb" {
		t.Errorf("%s: %+v, %v", dsn[1], target.driver, err)
	}
}

func TestStatementsHaveDocumentedLength(t *testing.T) {
	for rows, want := range map[int]int{1: 1_800, 64: 46_000} {
		characters := len(withRows(inSchema(insertOps, "dbo"), rows, opColumns))
		for i := range rows * opColumns { // the driver declares each parameter
			characters += len(fmt.Sprintf("@p%d nvarchar(max),", i+1))
		}
		if got := 2 * characters; got < want*9/10 || got > want*11/10 {
			t.Errorf("%d rows: %d bytes, want about %d", rows, got, want)
		}
	}
}
