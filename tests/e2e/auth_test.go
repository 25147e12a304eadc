package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const jwtSecret = "only-for-tests-only-for-tests-only-for-tests"

// tokenOf returns a token of a user with permissions in the room `board`.
func tokenOf(t *testing.T, user string, life time.Duration, grant map[string]any) string {
	t.Helper()
	grant["room"] = "board"
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": user, "exp": time.Now().Add(life).Unix(), "pathsync": map[string]any{"rooms": []any{grant}},
	}).SignedString([]byte(jwtSecret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheCommandsSendTheirToken(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--auth", "jwt", "--jwt-secret", jwtSecret, "--log-level", "debug")
	s.ask(http.MethodGet, "/v1/rooms/board", nil, "").refused(t, http.StatusUnauthorized, "unauthenticated")

	editor := tokenOf(t, "ann", time.Hour, map[string]any{"read": true, "write": true})
	reader := tokenOf(t, "ben", time.Hour, map[string]any{"read": true})
	for _, test := range []struct {
		token        string
		args         []string
		code         int
		stdout, says string
	}{
		{"", []string{"set", "board", "default", "title", "1"}, 1, "", "unauthenticated"},
		{reader, []string{"set", "board", "default", "title", "1"}, 1, "", "forbidden"},
		{editor, []string{"set", "board", "default", "title", "1"}, 0, "1 applied\n", ""},
		{editor, []string{"get", "wall"}, 1, "", "forbidden"},
	} {
		p := s.command("", test.args...)
		p.Cmd.Env = append(p.Cmd.Env, "PATHSYNC_TOKEN="+test.token)
		if code := p.Start(t).Wait(t, patience); code != test.code || p.Stdout.String() != test.stdout || !strings.Contains(p.Stderr.String(), test.says) {
			t.Errorf("%v: exit %d, stdout %q, stderr %q", test.args, code, p.Stdout.String(), p.Stderr.String())
		}
	}
	tail := s.command("", "tail", "board")
	tail.Cmd.Env = append(tail.Cmd.Env, "PATHSYNC_TOKEN="+reader)
	tail.Start(t).Line(t, tail.Stdout, "title")

	s.stop()
	if said := s.process.Stderr.String(); strings.Contains(said, "eyJ") || strings.Contains(said, jwtSecret) {
		t.Errorf("a secret is in the log:\n%s", said)
	}
}

// The log has the user of each batch, so a clientId still belongs to its user after a crash.
func TestAClientIDBelongsToItsUserAfterACrash(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--auth", "jwt", "--jwt-secret", jwtSecret)
	post := func(user string) reply {
		header := http.Header{
			"Content-Type":  {"application/json"},
			"Authorization": {"Bearer " + tokenOf(t, user, time.Hour, map[string]any{"write": true})},
		}
		return s.ask(http.MethodPost, "/v1/rooms/board/ops", header,
			`{"clientId":"tab","clientSeq":1,"key":"default","ops":[{"op":"set","path":"x","value":1}]}`)
	}
	if r := post("ann"); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	s.kill()
	s.start()
	post("mallory").refused(t, http.StatusForbidden, "forbidden")
	if r := post("ann"); r.status != http.StatusOK || !strings.Contains(string(r.body), `"duplicate":true`) {
		t.Errorf("%d %s", r.status, r.body)
	}
}
