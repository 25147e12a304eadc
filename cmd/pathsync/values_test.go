package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// said runs the program with an environment variable, and returns its output. A server ends at once.
func said(t *testing.T, name, value string, args ...string) (code int, text string) {
	t.Helper()
	t.Setenv(name, value)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	code = run(ctx, append([]string{"--listen", "127.0.0.1:0"}, args...), strings.NewReader(""), &out, &out)
	return code, out.String()
}

func TestLineEndsAroundEnvironmentValuesAreIgnored(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, values := range map[string][]string{
		"PATHSYNC_DATABASE":        {"memory:\n", "memory:\r\n", " memory: ", "\ufeffmemory:", "\nmemory:\n\n"},
		"PATHSYNC_MAX_OPS":         {"1000\n", " 1000 ", "1000\r\n"},
		"PATHSYNC_LOG_RETENTION":   {"720h\n"},
		"PATHSYNC_ADDRESS_BATCHES": {"10.5\n"},
		"PATHSYNC_H2C":             {"true\n"},
		"PATHSYNC_LOG_LEVEL":       {"info\n", "INFO"},
		"PATHSYNC_ALLOW_ORIGIN":    {"https://a.example, https://b.example\n", "https://a.example,"},
		"PATHSYNC_TRUSTED_PROXIES": {"10.0.0.0/8, 127.0.0.1"},
		"PATHSYNC_ADMIN_LISTEN":    {"127.0.0.1:0\n"},
	} {
		for _, value := range values {
			args := []string{"--database", "memory:"}
			if name == "PATHSYNC_DATABASE" {
				args = nil
			}
			t.Run(name, func(t *testing.T) {
				if code, text := said(t, name, value, args...); code != exitOK && !strings.Contains(text, "pathsync is ready") {
					t.Errorf("%q: %d, %s", value, code, text)
				}
			})
		}
	}
	if files, err := os.ReadDir("."); err != nil || len(files) > 0 {
		t.Errorf("they have made %v, %v", files, err)
	}
}

func TestSecretFromEnvironmentLosesOnlyItsLineEnd(t *testing.T) {
	t.Setenv("PATHSYNC_JWT_SECRET", "  a secret of 32 bytes, with blanks  \r\n")
	if err := tidyEnvironment(); err != nil {
		t.Fatal(err)
	}
	if got := parse(t, "--auth", "jwt").JWTSecret; got != "  a secret of 32 bytes, with blanks  " {
		t.Errorf("%q", got)
	}
}

func TestCommonMistakesAreRefusedWithTheCorrectForm(t *testing.T) {
	t.Chdir(t.TempDir())
	secret := strings.Repeat("s", 40)
	for _, c := range []struct{ name, value, says string }{
		{"PATHSYNC_DATABASE", "sqlite://data.db", "write sqlite:data.db"},
		{"PATHSYNC_DATABASE", "sqlite:~/data.db", "~ is not expanded"},
		{"PATHSYNC_DATABASE", `"sqlite:data.db"`, "--database is in quotes"},
		{"PATHSYNC_DATABASE", "", "--database must not be empty"},
		{"PATHSYNC_DATABASE", "\n", "--database must not be empty"},
		{"PATHSYNC_DATABASE", "data.db", "use sqlite:FILE"},
		{"PATHSYNC_DATABASE", "file:data.db", "use sqlite:FILE"},
		{"PATHSYNC_JWT_SECRET", `"` + secret + `"`, "--jwt-secret is in quotes"},
		{"PATHSYNC_JWT_SECRET", secret + "\n" + secret, "--jwt-secret has a line end"},
		{"PATHSYNC_JWT_KEY", "~/key.pem", "--jwt-key begins with ~"},
		{"PATHSYNC_TLS_CERT", "~/cert.pem", "--tls-cert begins with ~"},
		{"PATHSYNC_ACME_DOMAIN", "https://sync.example.com", "--acme-domain"},
		{"PATHSYNC_MAX_OPS", "", "whole number"},
		{"PATHSYNC_MAX_OPS", "010", "leading zeros"},
		{"PATHSYNC_MAX_OPS", "0x10", "whole number"},
		{"PATHSYNC_MAX_OPS", "1_000", "whole number"},
		{"PATHSYNC_MAX_OPS", "1k", "whole number"},
		{"PATHSYNC_MAX_OPS", "1e3", "whole number"},
		{"PATHSYNC_MAX_OPS", "99999999999999999999", "whole number"},
		{"PATHSYNC_MEMORY_BUDGET", "2GB", "whole number"},
		{"PATHSYNC_MEMORY_BUDGET", "-1", "at least 0"},
		{"PATHSYNC_LOG_RETENTION", "30d", "duration"},
		{"PATHSYNC_LOG_RETENTION", "720", "duration"},
		{"PATHSYNC_ADDRESS_BATCHES", "NaN", "--address-batches"},
		{"PATHSYNC_ADDRESS_BATCHES", "Inf", "--address-batches must be at most"},
		{"PATHSYNC_CLIENT_BATCHES", "1e308", "--client-batches must be at most"},
		{"PATHSYNC_ALLOW_ORIGIN", "https://a.example/", "ends after the host"},
		{"PATHSYNC_ADMIN_LISTEN", "http://127.0.0.1:9090", "--admin-listen must be an address"},
		{"PATHSYNC_JWKS_URL", "https://id.example.com/ keys", "tokens are verified only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, text := said(t, c.name, c.value)
			if code != exitUsage || !strings.Contains(text, c.says) {
				t.Errorf("%q: %d, want %q in %s", c.value, code, c.says, text)
			}
			if strings.Contains(text, secret) {
				t.Errorf("the secret is repeated: %s", text)
			}
		})
	}
	if files, err := os.ReadDir("."); err != nil || len(files) > 0 {
		t.Errorf("they have made %v, %v", files, err)
	}
}
