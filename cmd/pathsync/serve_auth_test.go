package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const longSecret = "a secret of thirty-two bytes...."

// A server that strangers can reach lets nobody in without a token, unless somebody has said so in so many words.
func TestAServerThatTheNetworkCanReachAsksForTokens(t *testing.T) {
	good := parse(t)
	for _, listen := range []string{":8080", "0.0.0.0:8080", "[::]:8080", "192.0.2.1:80", "example.org:80", "localhost.example.org:80"} {
		c := good
		c.Listen = listen
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "--insecure-no-auth") {
			t.Errorf("%s: %v", listen, err)
		}
		c.InsecureNoAuth = true
		if err := c.Validate(); err != nil {
			t.Errorf("%s, insecure: %v", listen, err)
		}
		var text bytes.Buffer
		if who, err := c.authenticator(slog.New(slog.NewTextHandler(&text, nil))); who != nil || err != nil || !strings.Contains(text.String(), "level=WARN") {
			t.Errorf("%s, insecure: %v, %v, and the log has %q", listen, who, err, text.String())
		}
		c.InsecureNoAuth, c.Auth, c.JWTSecret = false, "jwt", longSecret
		if err := c.Validate(); err != nil {
			t.Errorf("%s, with tokens: %v", listen, err)
		}
	}
	for _, listen := range []string{"127.0.0.1:0", "127.9.9.9:80", "[::1]:80", "localhost:80"} {
		c := good
		c.Listen = listen
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", listen, err)
		}
	}
}

// What would leave the server open although somebody meant to close it is refused.
func TestFlagsOfAuthenticationThatContradictEachOtherAreRefused(t *testing.T) {
	good := parse(t)
	for name, test := range map[string]struct {
		says   string
		change func(*serveCommand)
	}{
		"another way":        {"--auth must be one of: none jwt app", func(c *serveCommand) { c.Auth = "basic" }},
		"no key":             {"exactly one of", func(c *serveCommand) { c.Auth = "jwt" }},
		"two keys":           {"exactly one of", func(c *serveCommand) { c.Auth, c.JWTSecret, c.JWKSURL = "jwt", longSecret, "https://x/" }},
		"a key for nothing":  {"only with --auth jwt", func(c *serveCommand) { c.JWTSecret = longSecret }},
		"an issuer, no auth": {"only with --auth jwt", func(c *serveCommand) { c.JWTIssuer = "x" }},
		"nobody to ask":      {"needs --authorize-url", func(c *serveCommand) { c.Auth = "app" }},
		"asked for nothing":  {"only with --auth app", func(c *serveCommand) { c.AuthorizeURL = "https://x/" }},
		"asked and verified": {"only with --auth jwt", func(c *serveCommand) { c.Auth, c.AuthorizeURL, c.JWTSecret = "app", "https://x/", longSecret }},
		"open and closed":    {"contradicts", func(c *serveCommand) { c.Auth, c.JWTSecret, c.InsecureNoAuth = "jwt", longSecret, true }},
	} {
		c := good
		test.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
}

func TestAKeyThatCannotBeUsedStopsTheStart(t *testing.T) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	for name, test := range map[string]struct {
		change func(*serveCommand)
		ok     bool
	}{
		"a good file":     {func(c *serveCommand) { c.JWTKey = good }, true},
		"a good secret":   {func(c *serveCommand) { c.JWTSecret = longSecret }, true},
		"a key set":       {func(c *serveCommand) { c.JWKSURL = "https://id.example.com/keys" }, true},
		"an application":  {func(c *serveCommand) { c.Auth, c.AuthorizeURL = "app", "https://app.example.com/who" }, true},
		"an open one":     {func(c *serveCommand) { c.Auth, c.AuthorizeURL = "app", "http://app.example.com/who" }, false},
		"no file":         {func(c *serveCommand) { c.JWTKey = filepath.Join(dir, "absent.pem") }, false},
		"no key":          {func(c *serveCommand) { c.JWTKey = file("bad.pem", "hello") }, false},
		"a short secret":  {func(c *serveCommand) { c.JWTSecret = "short" }, false},
		"an open key set": {func(c *serveCommand) { c.JWKSURL = "http://id.example.com/keys" }, false},
	} {
		c := parse(t)
		c.Auth = "jwt"
		test.change(&c)
		who, err := c.authenticator(slog.New(slog.DiscardHandler))
		if (err == nil) != test.ok || (who != nil) != test.ok {
			t.Errorf("%s: %v, %v", name, who, err)
		}
		if err != nil && strings.Contains(err.Error(), c.JWTSecret) && c.JWTSecret != "" {
			t.Errorf("%s: the error repeats the secret: %v", name, err)
		}
	}
}

func TestRoomsBeginWithWhatAnApplicationSaysThatCanBeTrusted(t *testing.T) {
	for url, want := range map[string]struct{ asked, ok bool }{
		"": {false, true}, "https://app.example.com/rooms": {true, true}, "http://127.0.0.1:3000/rooms": {true, true},
		"http://app.example.com/rooms": {false, false}, "app.example.com": {false, false},
	} {
		c := parse(t)
		c.InitialStateURL = url
		loader, err := c.initialState()
		if (loader != nil) != want.asked || (err == nil) != want.ok || err != nil && !strings.Contains(err.Error(), "--initial-state-url") {
			t.Errorf("%q: %v, %v", url, loader, err)
		}
	}
}

func TestTheTokenIsShownToTheServerAndToNobodyElse(t *testing.T) {
	var shown []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		shown = append(shown, "elsewhere: "+r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = append(shown, "server: "+r.Header.Get("Authorization"))
		http.Redirect(w, r, elsewhere.URL, http.StatusFound)
	}))
	defer server.Close()
	f := serverFlag{Server: server.URL, Token: "t0ken"}
	if _, err := exchange(t.Context(), f.httpClient(), http.MethodGet, f.room("r"), nil); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(shown, ", "); got != "server: Bearer t0ken, elsewhere: " {
		t.Error(got)
	}
}

// A socket from systemd is where its unit says, whatever --listen is.
func TestAnInheritedSocketThatTheNetworkCanReachIsNotServedWithoutTokens(t *testing.T) {
	good := parse(t)
	for address, want := range map[string]bool{"127.0.0.1": true, "::1": true, "0.0.0.0": false, "::": false, "192.0.2.1": false} {
		at := &net.TCPAddr{IP: net.ParseIP(address), Port: 8080}
		if err := good.checkReach(at); (err == nil) != want {
			t.Errorf("%s: %v", at, err)
		}
		open, closed := good, good
		open.InsecureNoAuth, closed.Auth = true, "jwt"
		if err := errors.Join(open.checkReach(at), closed.checkReach(at), good.checkReach(&net.UnixAddr{Net: "unix", Name: "/run/x"})); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// A page can point its own name at this machine. What it then asks for is refused wherever nobody has to show who he is.
func TestAPageThatPointsItsNameAtAServerOfThisMachineGetsNothing(t *testing.T) {
	status := func(url, host string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/rooms/r", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	usual := serving(t)
	behind := serving(t, "--allow-origin", "https://board.example.com")
	insecure := serving(t, "--insecure-no-auth")
	closed := serving(t, "--auth", "jwt", "--jwt-secret", longSecret)
	for _, test := range []struct {
		url, host string
		want      int
	}{
		{usual, "evil.test", 403}, {usual, "localhost:8080", 200}, {usual, "", 200},
		{behind, "evil.test", 403}, {behind, "board.example.com", 200},
		{insecure, "board.example.com", 200}, {closed, "board.example.com", 401},
	} {
		if got := status(test.url, test.host); got != test.want {
			t.Errorf("%s is answered %d, want %d", test.host, got, test.want)
		}
	}
}
