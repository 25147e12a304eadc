package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestCheckShowsChangedSettingsWithoutSecrets(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PATHSYNC_JWT_SECRET", testSecret)
	t.Setenv("PATHSYNC_MAX_OPS", "7")
	out := must(t, "", "check", "--json", "--auth", "jwt", "--database", "postgres://user:pass@host/db", "--listen", "0.0.0.0:80",
		"--initial-state-url", "https://user:pass@app.example/initial?key=pass", "--allow-origin", "https://a.example", "--allow-origin", "https://b.example")
	var got struct {
		Valid    bool
		Settings []setting
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || !got.Valid {
		t.Fatalf("%s, %v", out, err)
	}
	want := []setting{
		{"--listen", "0.0.0.0:80"}, {"--allow-origin", "https://a.example,https://b.example"}, {"--database", "postgres:…"}, {"--auth", "jwt"},
		{"--jwt-secret", "(secret)"}, {"--initial-state-url", "https://app.example/initial?…"}, {"--max-ops", "7"},
	}
	if !slices.Equal(got.Settings, want) {
		t.Errorf("%+v, want %+v", got.Settings, want)
	}
	if strings.Contains(out, "pass@") || strings.Contains(out, testSecret) {
		t.Errorf("a secret is shown: %s", out)
	}
}

func TestCheckRefusesWhatServeRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	for says, args := range map[string][]string{
		"--max-ops must be at least 1": {"--max-ops", "0"},
		"open to the network":          {"--listen", "0.0.0.0:80"},
		"absent.pem":                   {"--tls-cert", "absent.pem", "--tls-key", "absent.pem"},
		"the URL is not valid":         {"--database", "postgres://user:pass@:@:bad"},
		"needs the name of a database": {"--database", "sqlserver://user:pass@host"},
		"reading --jwt-key":            {"--auth", "jwt", "--jwt-key", "absent.pem"},
	} {
		s := call(t.Context(), "", append([]string{"check"}, args...)...)
		if s.code != exitUsage || !strings.Contains(s.stderr, says) || strings.Contains(s.stderr, "pass@") {
			t.Errorf("%v: %+v", args, s)
		}
	}
	if out := must(t, "", "check"); out != "the configuration is valid\n" {
		t.Errorf("%q", out)
	}
	if files, err := os.ReadDir("."); err != nil || len(files) > 0 {
		t.Errorf("it has made %v, %v", files, err)
	}
}
