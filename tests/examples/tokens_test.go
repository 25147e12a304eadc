package examples

import (
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const jwtSecret = "only-for-tests-only-for-tests-only-for-tests"

// tokenOf returns a token of one user with a permission in the room, besides reading, and read-only parts.
func tokenOf(t *testing.T, life time.Duration, write bool, readOnly ...any) string {
	t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": "ann", "exp": time.Now().Add(life).Unix(),
		"pathsync": map[string]any{
			"rooms":    []any{map[string]any{"room": room, "read": true, "write": write}},
			"readOnly": readOnly,
		},
	}).SignedString([]byte(jwtSecret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestOutboxWaitsForANewTokenAndSkipsWhatTheUserMayNotChange(t *testing.T) {
	t.Parallel()
	eachClient(t, func(t *testing.T, command []string) {
		s := startServer(t, "--auth", "jwt", "--jwt-secret", jwtSecret)
		s.token = tokenOf(t, time.Hour, true)
		epoch := s.get().Epoch
		p := startProxy(t, s)
		file := filepath.Join(t.TempDir(), "token")
		writeToken(t, file, tokenOf(t, -time.Hour, true))
		c := startClientWithToken(t, file, p.URL, command...)
		c.send(document)
		p.await(t, answer{"GET", 401}, answer{"POST", 401})

		writeToken(t, file, tokenOf(t, 3*time.Second, true))
		c.at(epoch, 1)
		p.await(t, answer{"GET", 401}) // the token has expired, and the stream has ended

		writeToken(t, file, tokenOf(t, time.Hour, true, map[string]any{"room": room, "key": "default", "path": "title"}))
		c.send(`[{"op":"set","path":"title","value":"theirs"},{"op":"set","path":"a","value":"mine"}]`)
		state, _ := c.at(epoch, 2).(map[string]any)
		if state["title"] != "start" || state["a"] != "mine" {
			t.Errorf("the document is %v", state)
		}
		c.process.Line(t, c.process.Stderr, "refused: 403 forbidden")

		writeToken(t, file, tokenOf(t, time.Hour, false))
		c.send(`[{"op":"set","path":"b","value":1},{"op":"set","path":"c","value":2}]`)
		c.finish()
		if n := p.refusedTokens(); n != 3 {
			t.Errorf("%d requests had a token that was refused, want 3: one each of the stream and the batch, and one after the stream has expired", n)
		}
		if is := s.get(); is.ServerSeq != 2 || !reflect.DeepEqual(is.State, any(state)) {
			t.Errorf("the room is at %d: %v", is.ServerSeq, is.State)
		}
	})
}
