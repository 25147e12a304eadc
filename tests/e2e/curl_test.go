package e2e

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/tests/program"
)

// Exit codes of curl.
const (
	curlComplete = 0
	curlPartial  = 18 // the response ended before its last chunk
)

// curl follows streams, each with its own curl, and returns when all are up to date.
func (s *server) curl(options []string, streams ...string) (all []*program.Process) {
	s.t.Helper()
	for _, stream := range streams {
		args := append([]string{"--no-buffer", "--silent", "--show-error"}, options...)
		p := program.Prepare("curl", append(args, s.url+stream)...).Start(s.t)
		p.Line(s.t, p.Stdout, "event: up-to-date")
		all = append(all, p)
	}
	return all
}

func TestCurlTellsTheEndOfAStreamFromACrash(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	tests := map[string]struct {
		flags  []string
		life   time.Duration // of the token; 0: none
		end    func(s *server)
		code   int
		reason string // the last event has it
	}{
		"kill -9": {end: func(s *server) { s.kill() }, code: curlPartial},
		"SIGTERM": {end: func(s *server) { s.stop() }, code: curlComplete, reason: "event: reconnect"},
		"expired token": {
			flags: []string{"--auth", "jwt", "--jwt-secret", jwtSecret}, life: 8 * time.Second,
			end: func(*server) {}, code: curlComplete, reason: "token_expired",
		},
		"another stream of the client": {
			end:  func(s *server) { s.curl(nil, "/v1/rooms/board/events?clientId=ann") },
			code: curlComplete, reason: "stream_replaced",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, tt.flags...)
			var options []string
			if tt.life > 0 {
				token := tokenOf(t, "ann", tt.life, map[string]any{"read": true, "presence": true})
				options = []string{"--header", "Authorization: Bearer " + token}
			}
			readers := s.curl(options, "/v1/rooms/board/events?clientId=ann")
			if tt.reason != "stream_replaced" {
				readers = append(readers, s.curl(options, "/v1/events?room=board&clientId=ben")...)
				readers = append(readers, s.curl(append(options, "--compressed"), "/v1/rooms/board/events?clientId=eve")...)
				readers = append(readers, s.curl(append(options, "--http1.0"), "/v1/rooms/board/events?clientId=old")...)
			}
			tt.end(s)
			for _, p := range readers {
				code := p.Wait(t, patience)
				want := tt.code
				if strings.Contains(strings.Join(p.Cmd.Args, " "), "--http1.0") {
					want = curlComplete // HTTP/1.0 cannot tell
				}
				if code != want || !strings.Contains(p.Stdout.String(), tt.reason) {
					t.Errorf("%v: exit code %d, want %d:\n%s", p.Cmd.Args, code, want, p.Said())
				}
			}
		})
	}
}
