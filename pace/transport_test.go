package pace_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/pace"
)

// slowReader reads 256 bytes at a time, at a rate in bytes per second.
type slowReader struct {
	io.Reader
	rate int
}

func (r slowReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p[:min(len(p), 256)])
	time.Sleep(time.Duration(n) * time.Second / time.Duration(r.rate))
	return n, err
}

// upload sends a request over connections in memory to a server that reads each of them at a rate and then answers.
func upload(transport *pace.Transport, body io.Reader, rate int) (*http.Response, error) {
	var serving sync.WaitGroup
	defer serving.Wait()
	base := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		serving.Go(func() {
			defer theirs.Close()
			req, err := http.ReadRequest(bufio.NewReader(slowReader{theirs, rate}))
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, req.Body); err == nil {
				_, _ = io.WriteString(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		})
		return ours, nil
	}}
	defer base.CloseIdleConnections()
	transport.Base = base
	req, err := http.NewRequest(http.MethodPost, "http://server/", body)
	if err != nil {
		return nil, err
	}
	resp, err := transport.RoundTrip(req)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	return resp, err
}

func TestUploadAboveMinRateContinues(t *testing.T) {
	for _, patience := range []time.Duration{0, 5 * time.Second, 30 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, err := upload(&pace.Transport{Patience: patience}, bytes.NewReader(make([]byte, 256<<10)), 3*pace.MinRate/2)
			if took := time.Since(start); err != nil || took < 2*time.Minute {
				t.Errorf("with a patience of %v, after %v: %v", patience, took, err)
			}
		})
	}
}

func TestUploadBelowMinRateIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := upload(&pace.Transport{}, bytes.NewReader(make([]byte, 256<<10)), pace.MinRate/4)
		if took := time.Since(start); !errors.Is(err, pace.ErrStalled) || took > time.Minute {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// http.Transport sends a request again on another connection if the first one was closed while it was idle.
func TestRepeatedUploadContinues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			if _, err := io.Copy(io.Discard, slowReader{body, 2 * pace.MinRate}); err != nil {
				return nil, err
			}
			return &http.Response{Body: http.NoBody}, req.Context().Err()
		})
		req, err := http.NewRequest(http.MethodPost, "http://server/", strings.NewReader(strings.Repeat("x", 256<<10)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&pace.Transport{Base: base}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	})
}

// countingReader counts the bytes read.
type countingReader struct {
	io.Reader
	n atomic.Int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n.Add(int64(n))
	return n, err
}

// An upload whose bytes wait in the system's buffer would appear to have been sent.
func TestUploadLeavesFewBytesInBuffers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	base := new(http.Transport)
	defer base.CloseIdleConnections()
	body := &countingReader{Reader: bytes.NewReader(make([]byte, 16<<20))}
	req, err := http.NewRequest(http.MethodPost, "http://"+l.Addr().String(), body)
	if err != nil {
		t.Fatal(err)
	}
	_, err = (&pace.Transport{Base: base, Patience: time.Second}).RoundTrip(req) // nothing accepts the connection
	if n := body.n.Load(); !errors.Is(err, pace.ErrStalled) || n > 1<<20 {
		t.Errorf("%d bytes were read before the upload stalled: %v", n, err)
	}
}
