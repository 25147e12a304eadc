// Package trust is about asking those whose answers are believed: an issuer for its keys, the application for what it
// alone knows. An answer is believed because of where it comes from, so that has to be certain.
package trust

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/pathsync/pathsync/pace"
)

// Trustworthy reports whether what comes from a URL comes from there: over TLS, or without leaving this machine.
func Trustworthy(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()))
}

func isLoopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// Client is a client that asks whom it is told to ask, and nobody to whom it is sent on. Without a client it makes one. Its
// limits are those of Ask.
func Client(client *http.Client) *http.Client {
	if client == nil {
		client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	own := *client
	own.Timeout = 0
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// Patience is how long an answer may take to begin, and then how long no byte of it may come. It must come at pace.MinRate,
// too, but however large it is, the whole may take as long as it takes.
const Patience = 5 * time.Second

var errSlow = fmt.Errorf("no answer came for %v, or it comes too slowly", Patience)

// Ask sends a question. Its error does not have the address, whose query may hold a secret: errors are logged.
func Ask(client *http.Client, question *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(question.Context())
	timer := time.AfterFunc(Patience, func() { cancel(errSlow) })
	resp, err := client.Do(question.WithContext(ctx))
	if err != nil {
		timer.Stop()
		defer cancel(nil)
		if of := (*url.Error)(nil); errors.As(err, &of) {
			err = of.Err
		}
		if errors.Is(context.Cause(ctx), errSlow) {
			err = errSlow
		}
		return nil, err
	}
	resp.Body = &answer{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, timer: timer, meter: pace.Meter{Patience: Patience}}
	return resp, nil
}

// answer is the body of an answer, which ends when it does not go on coming.
type answer struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	meter  pace.Meter
	moved  int // by the last read
}

func (a *answer) Read(p []byte) (n int, err error) {
	now := time.Now()
	a.timer.Reset(a.meter.Next(a.moved, now).Sub(now))
	a.moved, err = a.ReadCloser.Read(p)
	if err != nil && errors.Is(context.Cause(a.ctx), errSlow) {
		err = errSlow
	}
	return a.moved, err
}

func (a *answer) Close() error {
	a.timer.Stop()
	defer a.cancel(nil)
	return a.ReadCloser.Close()
}

// Body reads the body of an answer, which must not be larger than so many bytes.
func Body(resp *http.Response, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("the answer is larger than %d bytes", most)
	}
	return text, nil
}
