package pace

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// ErrStalled means that a request or its answer has been cut because it stalled.
var ErrStalled = errors.New("the request or its answer stalled")

// Transport is an http.RoundTripper that cuts a request whose body or answer stalls, with ErrStalled. Within Patience, a
// byte of the body has to go out, the answer has to begin, and a byte of it has to arrive. The caller has to read the
// answer without delay.
type Transport struct {
	Base     http.RoundTripper
	Patience time.Duration // 0: the constant Patience
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	x := &transfer{ctx: ctx, cancel: cancel, meter: Meter{Patience: t.Patience}}
	x.timer = time.AfterFunc(x.meter.patience(), func() { cancel(ErrStalled) })
	req = req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = &transferBody{ReadCloser: req.Body, transfer: x, meter: x.meter}
	}
	resp, err := t.Base.RoundTrip(req)
	if err != nil {
		x.end()
		return nil, x.cause(err)
	}
	resp.Body = &answerBody{transferBody{ReadCloser: resp.Body, transfer: x, meter: x.meter}}
	return resp, nil
}

// transfer is one request with its answer.
type transfer struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	meter  Meter // has only Patience
}

func (x *transfer) end() {
	x.timer.Stop()
	x.cancel(nil)
}

// cause replaces an error that was caused by ErrStalled.
func (x *transfer) cause(err error) error {
	if err != nil && errors.Is(context.Cause(x.ctx), ErrStalled) {
		return ErrStalled
	}
	return err
}

// transferBody extends the deadline of its transfer while bytes move.
type transferBody struct {
	io.ReadCloser
	*transfer
	meter Meter
	moved int // by the last read
}

func (b *transferBody) Read(p []byte) (n int, err error) {
	now := time.Now()
	b.timer.Reset(b.meter.Next(b.moved, now).Sub(now))
	b.moved, err = b.ReadCloser.Read(p)
	return b.moved, b.cause(err)
}

// answerBody ends its transfer when it is closed.
type answerBody struct{ transferBody }

func (b *answerBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
