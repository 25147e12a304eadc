package postgres

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

func TestRemotePostgresConnectionIsEncryptedAndVerified(t *testing.T) {
	for _, dsn := range []string{
		"postgres://u:p@db.example.com/d", "postgresql://u:p@10.0.0.1:5433/d?connect_timeout=3", "postgres://u:p@localhost,db.example.com/d",
	} {
		config, err := parseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range endpoints(config) {
			if !dialect.IsLocal(e.Host) && (e.TLSConfig == nil || e.TLSConfig.InsecureSkipVerify || e.TLSConfig.ServerName != e.Host) {
				t.Errorf("%s: %s can be reached without a checked certificate", dsn, e.Host)
			}
		}
		if risk := riskOf(config); risk != "" {
			t.Errorf("%s: %s", dsn, risk)
		}
	}
}

func TestInsecurePostgresConnectionIsLoggedOnce(t *testing.T) {
	const notEncrypted, notChecked = "it may be unencrypted", "the server's certificate is not verified"
	for _, test := range []struct{ dsn, want string }{
		{"postgres://u:secret@db.example.com/d?sslmode=disable", notEncrypted},
		{"postgres://u:secret@db.example.com/d?sslmode=prefer", notEncrypted},
		{"postgres://u:secret@db.example.com/d?sslmode=allow", notEncrypted},
		{"postgres://u:secret@db.example.com/d?sslmode=require", notChecked},
		{"postgres://u:secret@one.example.com,two.example.com/d?sslmode=require", notChecked},
		{"postgres://u:secret@db.example.com/d?sslmode=verify-ca", ""},
		{"postgres://u:secret@db.example.com/d?sslmode=verify-full", ""},
		{"postgres://u:secret@db.example.com/d", ""},
		{"postgres://u:secret@127.0.0.1/d?sslmode=disable", ""},
		{"postgres://u:secret@[::1]:5432/d", ""},
		{"postgres://u:secret@localhost/d", ""},
		{"postgres:///d?host=/run/postgresql", ""},
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

func TestEnvironmentSetsPostgresSSLMode(t *testing.T) {
	t.Setenv("PGSSLMODE", "require")
	config, err := parseConfig("postgres://u:p@db.example.com/d")
	if err != nil {
		t.Fatal(err)
	}
	if got := riskOf(config); got != "the server's certificate is not verified" {
		t.Errorf("got risk %q", got)
	}
}

func TestWritableHostOfSeveralIsUsed(t *testing.T) {
	for dsn, want := range map[string]bool{
		"postgres://u:p@localhost/d": false, "postgres://u:p@localhost:1,localhost:2/d": true,
		"postgres://u:p@one.example.com,two.example.com/d":                          true,
		"postgres://u:p@one.example.com,two.example.com/d?target_session_attrs=any": false,
	} {
		config, err := parseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		if got := config.ValidateConnect != nil; got != want {
			t.Errorf("%s: it is asked whether it takes writes: %v, want %v", dsn, got, want)
		}
	}
}
