package proxies

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Each check fails behind a proxy with the fault that it looks for.
func TestEachCheckFindsItsFault(t *testing.T) {
	for name, test := range map[string]struct {
		check check
		fault func(context.Context, *httputil.ReverseProxy) http.Handler
		want  string
	}{
		"first event":   {checks[0], lags, "held back"},
		"whole answers": {checks[0], gathers, "held back"},
		"delta":         {checks[1], delays, "late"},
		"silence":       {checks[2], cuts, "cut"},
		"position":      {checks[3], strips, "lost"},
		"dead browser":  {checks[4], keepsReading, "stays"},
		"compression":   {checks[5], compresses, "held back"},
		"large bodies":  {checks[6], limits, "refused"},
		"slashes":       {checks[7], decodes, "refused"},
		"dead server":   {checks[8], hangs, "not told"},
		"without fault": {checks[8], faultless, passed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &site{proxy: &proxy{name: name, compresses: true}, server: newServer(t)}
			if test.check.when == ordinary {
				s.server.start(faster * heartbeat)
			} else {
				s.server.start(heartbeat)
			}
			at := &url.URL{Scheme: "http", Host: s.server.address}
			front := httptest.NewServer(test.fault(t.Context(), &httputil.ReverseProxy{
				Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at) }, ErrorLog: log.New(io.Discard, "", 0), // the faults are intended
			}))
			t.Cleanup(front.Close)
			t.Cleanup(front.CloseClientConnections)
			s.url = front.URL
			if got := test.check.verdict(t, s); got != test.want {
				t.Errorf("%s: %s, want %s; output of the server:\n%s", test.check.name, got, test.want, s.server.process.Said())
			}
		})
	}
}

func faultless(_ context.Context, p *httputil.ReverseProxy) http.Handler { return p }

// body is the body of a response with another Read.
type body struct {
	read func([]byte) (int, error)
	io.Closer
}

func (b body) Read(p []byte) (int, error) { return b.read(p) }

// through changes how a proxy reads responses.
func through(p *httputil.ReverseProxy, read func(r *http.Response, p []byte) (int, error)) http.Handler {
	p.ModifyResponse = func(r *http.Response) error {
		answer := *r
		r.Body = body{func(p []byte) (int, error) { return read(&answer, p) }, r.Body}
		return nil
	}
	return p
}

// gathers forwards a response after its end.
func gathers(_ context.Context, p *httputil.ReverseProxy) http.Handler {
	return through(p, func(r *http.Response, into []byte) (int, error) {
		var all bytes.Buffer
		if _, err := all.ReadFrom(r.Body); err != nil {
			return 0, err
		}
		n, _ := all.Read(into)
		return n, io.EOF
	})
}

// lags forwards each piece of a response when the next one arrives.
func lags(_ context.Context, p *httputil.ReverseProxy) http.Handler {
	var held sync.Map // by answer
	return through(p, func(r *http.Response, into []byte) (int, error) {
		piece := make([]byte, len(into))
		n, err := r.Body.Read(piece)
		before, _ := held.Swap(r, piece[:n])
		if err != nil || before == nil {
			return 0, err
		}
		return copy(into, before.([]byte)), nil
	})
}

// compresses compresses responses for clients that accept gzip, and buffers them.
func compresses(_ context.Context, p *httputil.ReverseProxy) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			p.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		into := gzip.NewWriter(w)
		defer into.Close()
		p.ServeHTTP(compressedWriter{w, into}, r)
	})
}

type compressedWriter struct {
	http.ResponseWriter
	into io.Writer
}

func (s compressedWriter) Write(p []byte) (int, error) { return s.into.Write(p) }

// Flush does not flush the compressor.
func (s compressedWriter) Flush() { s.ResponseWriter.(http.Flusher).Flush() }

// delays forwards each piece of a response with a delay.
func delays(_ context.Context, p *httputil.ReverseProxy) http.Handler {
	return through(p, func(r *http.Response, into []byte) (int, error) {
		n, err := r.Body.Read(into)
		time.Sleep(400 * time.Millisecond)
		return n, err
	})
}

// cuts ends every response after a second.
func cuts(_ context.Context, p *httputil.ReverseProxy) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		p.ServeHTTP(w, r.WithContext(ctx))
	})
}

// strips removes a header field.
func strips(_ context.Context, p *httputil.ReverseProxy) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Last-Event-ID")
		p.ServeHTTP(w, r)
	})
}

// keepsReading continues to read for a client that is gone, until the end of the test.
func keepsReading(test context.Context, p *httputil.ReverseProxy) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.ServeHTTP(noErrors{w}, r.WithContext(test))
	})
}

// noErrors is a response that reports no write errors.
type noErrors struct{ http.ResponseWriter }

func (d noErrors) Unwrap() http.ResponseWriter { return d.ResponseWriter }

func (d noErrors) Write(p []byte) (int, error) {
	_, _ = d.ResponseWriter.Write(p)
	return len(p), nil
}

// limits refuses large bodies.
func limits(_ context.Context, p *httputil.ReverseProxy) http.Handler {
	return http.MaxBytesHandler(p, 64<<10)
}

// decodes forwards a decoded path.
func decodes(_ context.Context, p *httputil.ReverseProxy) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawPath = ""
		p.ServeHTTP(w, r)
	})
}

// hangs does not end a stream when the server's connection has ended.
func hangs(_ context.Context, p *httputil.ReverseProxy) http.Handler {
	return through(p, func(r *http.Response, into []byte) (int, error) {
		n, err := r.Body.Read(into)
		if err != nil && r.Header.Get("Content-Type") == "text/event-stream" {
			<-r.Request.Context().Done()
		}
		return n, err
	})
}
