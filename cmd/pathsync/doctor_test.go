package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/doctor"
	"github.com/pathsync/pathsync/internal/testkit"
	"github.com/pathsync/pathsync/server"
)

// newAPI returns the API of a server that runs until the test ends.
func newAPI(t *testing.T) http.Handler {
	t.Helper()
	cfg := server.DefaultConfig()
	cfg.Database, cfg.InsecureNoAuth = "memory:", true
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("shutting down: %v", err)
		}
	})
	return s.Handler()
}

// realServer serves the API on a loopback port, and returns its URL.
func realServer(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(newAPI(t))
	t.Cleanup(server.Close)
	return server.URL
}

// examined returns the diagnosis of a handler, over connections in memory.
func examined(t *testing.T, front http.Handler, watch time.Duration) diagnosis {
	t.Helper()
	prober, err := doctor.NewProber("http://sync.test", "", testkit.Serve(t, front))
	if err != nil {
		t.Fatal(err)
	}
	d, err := diagnose(t.Context(), "http://sync.test", prober, watch)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// proxy is a reverse proxy to the server.
type proxy struct {
	*httputil.ReverseProxy
	target *url.URL
}

// newProxy returns a proxy without faults.
func newProxy(t *testing.T, server string) *proxy {
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	return &proxy{target: target, ReverseProxy: &httputil.ReverseProxy{
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // of what a test has cut
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
	}}
}

// onTheWay lists the faults of proxies, with the findings for them.
var onTheWay = map[string]struct {
	findings []doctor.Code
	words    string
	spoil    func(p *proxy) http.Handler
}{
	"a proxy that does nothing wrong": {nil, "all is well", func(p *proxy) http.Handler { return p }},
	"a proxy that waits for the end of an answer": {[]doctor.Code{doctor.Buffered}, "events at once", func(p *proxy) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			all := httptest.NewRecorder()
			p.ServeHTTP(all, r)
			copyHeader(w, all.Header())
			w.WriteHeader(all.Code)
			w.Write(all.Body.Bytes())
		})
	}},
	"a proxy that compresses": {[]doctor.Code{doctor.Compressed}, "compressed (gzip)", func(p *proxy) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") || r.Method != http.MethodGet {
				p.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			p.ServeHTTP(writer{z, w}, r)
		})
	}},
	"a proxy that ends what takes too long": {[]doctor.Code{doctor.Cut}, "after 0.7 s", func(p *proxy) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), 700*time.Millisecond)
			defer cancel()
			p.ServeHTTP(w, r.WithContext(ctx)) // panics, which cuts the connection
		})
	}},
	"a proxy that drops header fields": {[]doctor.Code{doctor.Stripped, doctor.Stripped}, "Last-Event-ID", func(p *proxy) http.Handler {
		p.ModifyResponse = func(r *http.Response) error {
			r.Header.Set("Cache-Control", "no-cache")
			return nil
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Last-Event-ID")
			p.ServeHTTP(w, r)
		})
	}},
	"a proxy that decodes addresses": {[]doctor.Code{doctor.SlashRewritten}, "%2F", func(p *proxy) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.RawPath = ""
			p.ServeHTTP(w, r)
		})
	}},
	"a proxy that encodes addresses twice": {[]doctor.Code{doctor.SlashRewritten}, `arrives as "pathsync%2Fdoctor"`, func(p *proxy) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path, r.URL.RawPath = r.URL.EscapedPath(), ""
			p.ServeHTTP(w, r)
		})
	}},
	"a proxy that limits bodies": {[]doctor.Code{doctor.BodyLimited}, "413", func(p *proxy) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > 100_000 {
				http.Error(w, "too large", http.StatusRequestEntityTooLarge)
				return
			}
			p.ServeHTTP(w, r)
		})
	}},
	"a cache that keeps what it must not": {[]doctor.Code{doctor.Cached}, "twice", func(p *proxy) http.Handler {
		var mu sync.Mutex
		kept := map[string]*bytes.Buffer{}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			answer, ok := kept[r.RequestURI]
			if !ok {
				answer = new(bytes.Buffer)
				kept[r.RequestURI] = answer
			}
			mu.Unlock()
			if ok && r.Method == http.MethodGet {
				w.Header().Set("Content-Type", "text/event-stream")
				w.Write(answer.Bytes())
				return
			}
			p.ServeHTTP(writer{io.MultiWriter(w, answer), w}, r)
		})
	}},
	"a proxy that has no server": {[]doctor.Code{doctor.OtherAnswer}, `502 with a page, "Bad Gateway & Co"`, func(*proxy) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusBadGateway)
			io.WriteString(w, "<html><TITLE>\n Bad Gateway &amp; Co</TITLE>")
		})
	}},
	"a login page": {[]doctor.Code{doctor.OtherAnswer}, "200 with a page", func(*proxy) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<!DOCTYPE html><form>") })
	}},
	"a redirect": {[]doctor.Code{doctor.Redirected}, "https://elsewhere.test", func(*proxy) http.Handler {
		return http.RedirectHandler("https://elsewhere.test/", http.StatusMovedPermanently)
	}},
	"another program with the same address": {[]doctor.Code{doctor.NoProbe}, "/v1/probe", func(*proxy) http.Handler {
		return refusal(http.StatusNotFound, "not_found", false)
	}},
	"a proxy that refuses streams": {[]doctor.Code{doctor.OtherAnswer}, "does not let streams through", func(p *proxy) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				http.Error(w, "no", http.StatusForbidden)
				return
			}
			p.ServeHTTP(w, r)
		})
	}},
}

// writer is a ResponseWriter with another destination for the body.
type writer struct {
	io.Writer
	http.ResponseWriter
}

func (w writer) Write(b []byte) (int, error) { return w.Writer.Write(b) }
func (w writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func copyHeader(w http.ResponseWriter, h http.Header) {
	for name, values := range h {
		w.Header()[name] = values
	}
}

func TestDoctorFindsFaultsOfProxies(t *testing.T) {
	for name, c := range onTheWay {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProxy(t, "http://inner.test")
				p.Transport = testkit.Serve(t, newAPI(t))
				d := examined(t, c.spoil(p), 2*time.Second)
				var faults []doctor.Code
				for _, f := range d.Findings {
					if f.Fault {
						faults = append(faults, f.Code)
					}
				}
				if !slices.Equal(faults, c.findings) || (d.verdict() == nil) != (len(faults) == 0) {
					t.Errorf("found %v, want %v: %+v, %v", faults, c.findings, d.Findings, d.verdict())
				}
				if len(c.findings) > 0 && !strings.Contains(fmt.Sprint(d.Findings), c.words) {
					t.Errorf("the words lack %q: %+v", c.words, d.Findings)
				}
			})
		})
	}
}

func TestDoctorFindsNoFaultWithoutProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		d := examined(t, newAPI(t), time.Second)
		if err := d.print(&program{stdout: newConsole(&said)}); err != nil || d.verdict() != nil {
			t.Error(err, d.verdict())
		}
		if !strings.Contains(said.String(), "all is well: 12 events in 1 s over HTTP/1.1") || strings.Contains(said.String(), "FAULT") {
			t.Error(said.String())
		}
		if !strings.Contains(said.String(), "http://sync.test/guide/run/proxies#six-connections") {
			t.Errorf("nothing is said about HTTP/1.1: %s", said.String())
		}
	})
}

func TestDoctorPrintsFaultsAsJSON(t *testing.T) {
	front := httptest.NewServer(text("<!DOCTYPE html><form>"))
	defer front.Close()
	s := call(t.Context(), "", "doctor", front.URL, "--json")
	var got struct {
		Server   string
		Findings []doctor.Finding
	}
	if err := json.Unmarshal([]byte(s.stdout), &got); err != nil || s.code != exitFailed || got.Server != front.URL ||
		len(got.Findings) != 1 || got.Findings[0].Code != doctor.OtherAnswer {
		t.Errorf("%v: %+v", err, s)
	}
}

func TestDoctorFindsNothingOverHTTP2(t *testing.T) {
	server := httptest.NewUnstartedServer(newAPI(t))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	prober, err := doctor.NewProber(server.URL, "", server.Client().Transport)
	if err != nil {
		t.Fatal(err)
	}
	o, err := prober.Probe(t.Context(), time.Second)
	if findings := doctor.Diagnose(o); err != nil || len(findings) > 0 || o.Stream.Proto != "HTTP/2.0" {
		t.Errorf("%v: found %+v over %s", err, findings, o.Stream.Proto)
	}
}

func TestDoctorNamesTheProxy(t *testing.T) {
	p := newProxy(t, realServer(t))
	p.ModifyResponse = func(r *http.Response) error {
		r.Header.Set("Server", "nginx/1.26.3")
		return nil
	}
	front := httptest.NewServer(p)
	defer front.Close()
	s := call(t.Context(), "", "doctor", "--server", front.URL, "--duration", "1s")
	if s.code != exitOK || !strings.Contains(s.stdout, "through nginx: see "+front.URL+"/guide/run/proxies#nginx") {
		t.Errorf("%+v", s)
	}
}

func TestDoctorNotesRewrittenHost(t *testing.T) {
	p := newProxy(t, realServer(t))
	p.Rewrite = func(r *httputil.ProxyRequest) { r.SetURL(p.target) }
	front := httptest.NewServer(p)
	defer front.Close()
	s := call(t.Context(), "", "doctor", front.URL, "--duration", "1s")
	if s.code != exitOK || !strings.Contains(s.stdout, "host_rewritten") || !strings.Contains(s.stdout, p.target.Host) {
		t.Errorf("%+v", s)
	}
}

func TestDoctorReportsUnreachableServer(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	s := call(t.Context(), "", "doctor", gone.URL)
	if s.code != exitAway || !strings.Contains(s.stderr, "cannot be reached") || s.stdout != "" {
		t.Errorf("%+v", s)
	}
	for _, args := range [][]string{{"doctor", "example.com"}, {"doctor", "http://a.test", "--duration", "6m"}} {
		if s := call(t.Context(), "", args...); s.code != exitUsage || !strings.Contains(s.stderr, "Try") {
			t.Errorf("%v: %+v", args, s)
		}
	}
}
