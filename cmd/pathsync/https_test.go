package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/internal/eventstream"
	"github.com/pathsync/pathsync/internal/testkit"
)

// serving runs a server on a loopback port until the test ends, and returns its URL.
func serving(t *testing.T, flags ...string) (url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	log, end := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"--listen", "127.0.0.1:0", "--database", "memory:"}, flags...), strings.NewReader(""), io.Discard, end)
		end.Close()
	}()
	lines := bufio.NewScanner(log)
	for url == "" && lines.Scan() {
		if match := regexp.MustCompile(`url=(\S+)/`).FindStringSubmatch(lines.Text()); match != nil {
			url = match[1]
		}
	}
	if url == "" {
		t.Fatalf("the server has ended: exit %d", <-ended)
	}
	drained := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, log); drained <- err }()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != exitOK {
			t.Errorf("the server ended with %d", code)
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
	})
	return url
}

// speaking returns a client that uses one protocol and trusts one certificate.
func speaking(t *testing.T, trust *x509.Certificate, set func(*http.Protocols)) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}}
	set(transport.Protocols)
	if trust != nil {
		transport.TLSClientConfig.RootCAs.AddCert(trust)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// converses opens a stream, sends a batch, and expects it on the stream, over one major version of HTTP.
func converses(t *testing.T, client *http.Client, url string, major int) {
	t.Helper()
	stream, err := client.Get(url + "/v1/rooms/r/events")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	events := eventstream.NewReader(stream.Body, 1<<20)
	until := func(text string) {
		t.Helper()
		for {
			event, err := events.Next()
			if err != nil {
				t.Fatalf("no %q on the stream: %v", text, err)
			}
			if event.Name == text || strings.Contains(string(event.Data), text) {
				return
			}
		}
	}
	until("up-to-date")
	resp, err := client.Post(url+"/v1/rooms/r/ops", "application/json",
		strings.NewReader(`{"clientId":"ada","key":"default","ops":[{"op":"set","path":"x","value":"over the wire"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != major || stream.ProtoMajor != major {
		t.Errorf("%s over %s, and the stream is %s", resp.Status, resp.Proto, stream.Proto)
	}
	until("over the wire")
}

func TestServerWithCertificateServesHTTP1AndHTTP2(t *testing.T) {
	p := testkit.NewPair(t)
	at := testkit.NewPairFiles(t, p)
	url := serving(t, "--tls-cert", at.Cert, "--tls-key", at.Key)
	if !strings.HasPrefix(url, "https://") {
		t.Errorf("it says that it is at %s", url)
	}
	converses(t, speaking(t, p.Leaf, func(p *http.Protocols) { p.SetHTTP2(true) }), url, 2)
	converses(t, speaking(t, p.Leaf, func(p *http.Protocols) { p.SetHTTP1(true) }), url, 1)
}

func TestH2CIsServedOnlyWithItsFlag(t *testing.T) {
	unencrypted := func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }
	url := serving(t, "--h2c")
	converses(t, speaking(t, nil, unencrypted), url, 2)
	converses(t, speaking(t, nil, func(p *http.Protocols) { p.SetHTTP1(true) }), url, 1)

	if resp, err := speaking(t, nil, unencrypted).Get(serving(t) + "/healthz"); err == nil {
		resp.Body.Close()
		t.Errorf("%s without the flag", resp.Status)
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	p := testkit.NewPair(t)
	at := testkit.NewPairFiles(t, p)
	address := strings.TrimPrefix(serving(t, "--tls-cert", at.Cert, "--tls-key", at.Key), "https://")
	roots := x509.NewCertPool()
	roots.AddCert(p.Leaf)
	for version, taken := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version}}
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if (err == nil) != taken {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			conn.Close()
		}
	}
}

// The certificate is in the cache already, so there is no request to the ACME server.
func TestACMECertificateIsServedForItsNameOnly(t *testing.T) {
	p := testkit.NewPair(t)
	cache := t.TempDir()
	if err := os.WriteFile(filepath.Join(cache, "example.com"), append(p.Key, p.Cert...), 0o600); err != nil {
		t.Fatal(err)
	}
	url := serving(t, "--acme-domain", "example.com", "--acme-cache", cache, "--acme-server", "http://127.0.0.1:1/directory")
	address := strings.TrimPrefix(url, "https://")

	client := speaking(t, p.Leaf, func(p *http.Protocols) { p.SetHTTP2(true) })
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	converses(t, client, "https://example.com", 2)
	if resp, err := client.Get("https://other.example.com/healthz"); err == nil {
		resp.Body.Close()
		t.Error("a name that is not the server's has a certificate")
	}
}

func TestUnreadableCertificateStopsTheStart(t *testing.T) {
	p := testkit.NewPair(t)
	for name, files := range map[string][2][]byte{
		"another's key": {p.Cert, testkit.NewPair(t).Key},
		"no PEM":        {[]byte("certificate"), p.Key},
	} {
		at := testkit.NewPairFiles(t, testkit.Pair{Cert: files[0], Key: files[1]})
		s := call(t.Context(), "", "--listen", "127.0.0.1:0", "--database", "memory:", "--tls-cert", at.Cert, "--tls-key", at.Key)
		if s.code != exitUsage || !strings.Contains(s.stderr, "--tls-cert") {
			t.Errorf("%s: exit %d, %s", name, s.code, s.stderr)
		}
	}
}
