package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Ctrl-C ends ctx.
func TestEveryCommandEndsWhenItIsInterrupted(t *testing.T) {
	for _, args := range [][]string{
		{"get", "r"},
		{"set", "r", "k", "p", "1"},
		{"set", "r", "k", "p", "-"},
		{"apply", "r", "k"},
		{"history", "r"},
		{"history", "r", "--last", "3"},
		{"export", "r"},
		{"export"},
		{"import"},
		{"rooms"},
		{"stats"},
		{"doctor", "--duration", "1s"},
		{"bench", "--duration", "1s", "--scale", ".01"},
		{"token", "check", "-"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			server := scripted(t, func(_ http.ResponseWriter, r *http.Request) {
				interrupt()
				<-r.Context().Done()
			})
			t.Setenv("PATHSYNC_SERVER", server.url)
			t.Setenv("PATHSYNC_ADMIN", server.url)
			stdin, keys := io.Pipe() // on which nobody types
			defer keys.Close()
			if args[len(args)-1] == "-" || args[0] == "import" || args[0] == "apply" {
				time.AfterFunc(50*time.Millisecond, interrupt)
			}
			var out, errs bytes.Buffer
			p := &program{stdin: stdin, stdout: newConsole(&out), stderr: newConsole(&errs)}
			ended := make(chan int, 1)
			go func() { ended <- p.run(ctx, args) }()
			select {
			case code := <-ended:
				if code != exitInterrupted || !strings.Contains(errs.String(), "interrupted") {
					t.Errorf("exit %d: %s", code, errs.String())
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it does not end")
			}
		})
	}
}
