package pace

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"
)

// ErrStalled means that a request or its answer has been cut because it stalled.
var ErrStalled = errors.New("the request or its answer stalled")

// Transport is an http.RoundTripper that cuts a request whose body or answer stalls, with ErrStalled. Within Patience, a
// byte of the body has to go out, the answer has to begin, and a byte of it has to arrive. The caller has to read the
// answer without delay. As Listen does, Transport limits the unsent bytes in the system's buffers.
type Transport struct {
	Base     http.RoundTripper
	Patience time.Duration // 0: the constant Patience
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	x := &transfer{ctx: ctx, cancel: cancel, meter: Meter{Patience: t.Patience}}
	x.timer = time.AfterFunc(x.meter.patience(), func() { cancel(ErrStalled) })
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) { LimitUnsent(got.Conn) },
	}))
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = x.body(req.Body)
		if again := req.GetBody; again != nil { // Base retries on another connection
			req.GetBody = func() (io.ReadCloser, error) {
				body, err := again()
				if err != nil {
					return nil, err
				}
				return x.body(body), nil
			}
		}
	}
	resp, err := t.Base.RoundTrip(req)
	if err != nil {
		x.end()
		return nil, x.cause(err)
	}
	resp.Body = &answerBody{x.body(resp.Body)}
	return resp, nil
}

// transfer is one request with its answer.
type transfer struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	meter  Meter // has only Patience
}

// body returns a body that extends the deadline of the transfer.
func (x *transfer) body(b io.ReadCloser) *transferBody {
	return &transferBody{ReadCloser: b, transfer: x, meter: x.meter}
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

// Read reads a part that takes less than the patience at MinRate, because the deadline is extended between reads only.
func (b *transferBody) Read(p []byte) (n int, err error) {
	now := time.Now()
	b.timer.Reset(b.meter.Next(b.moved, now).Sub(now))
	part := max(1, int(Piece*b.meter.patience()/Patience))
	b.moved, err = b.ReadCloser.Read(p[:min(len(p), part)])
	return b.moved, b.cause(err)
}

// answerBody ends its transfer when it is closed.
type answerBody struct{ *transferBody }

func (b *answerBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
