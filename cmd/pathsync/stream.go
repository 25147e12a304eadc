package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/r3labs/sse/v2"
	"gopkg.in/cenkalti/backoff.v1"
)

// maxEventBytes bounds one event. The largest holds a whole document.
const maxEventBytes = 256 << 20

// errSilent: a stream has said nothing for so long that the connection must be dead.
var errSilent = errors.New("the server has gone silent")

// stream reads one stream of events to its end and returns why it ended: nil when the server closed it, or take had
// enough. It starts behind position, if there is one.
//
// The library could reconnect by itself, but takes a clean end for the end of everything, and its pause between two
// tries cannot be interrupted. So it gets one connection at a time, and the caller decides.
func stream(
	ctx context.Context, client *http.Client, address, position string, silence time.Duration,
	take func(*sse.Event) (goOn bool),
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(answerTimeout+silence, func() { cancel(errSilent) })
	defer watchdog.Stop()

	reader := sse.NewClient(address, sse.ClientMaxBufferSize(maxEventBytes))
	reader.Connection = client
	reader.ReconnectStrategy = &backoff.StopBackOff{}
	if position != "" {
		reader.LastEventID.Store([]byte(position))
	}
	reader.ResponseValidator = func(_ *sse.Client, resp *http.Response) error {
		if resp.StatusCode != http.StatusOK {
			defer resp.Body.Close()
			return readProblem(resp)
		}
		if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
			defer resp.Body.Close()
			return &problem{Title: fmt.Sprintf("the server answers with %q, not with an event stream", kind)}
		}
		watchdog.Reset(silence)
		resp.Body = &watched{resp.Body, func() { watchdog.Reset(silence) }}
		return nil
	}
	enough := false
	err := reader.SubscribeRawWithContext(ctx, func(event *sse.Event) {
		if !enough && !take(event) {
			enough = true
			cancel(nil)
		}
	})
	if enough {
		return nil
	}
	if ctx.Err() != nil { // which the library may report as a clean end
		return context.Cause(ctx)
	}
	return err
}

// watched tells of every sign of life in a body: heartbeats are comments, of which the library does not speak. In a request
// it tells that the body is being sent.
type watched struct {
	io.ReadCloser
	alive func()
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if n > 0 {
		w.alive()
	}
	return n, err
}
