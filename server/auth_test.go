package server

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const longSecret = "a secret of thirty-two bytes...."

// logged returns c with a log.
func logged(c Config, to io.Writer) Config {
	c.Log = slog.New(slog.NewTextHandler(to, nil))
	return c
}

// Open access from the network needs an explicit setting.
func TestPublicAddressRequiresAuthentication(t *testing.T) {
	good := DefaultConfig()
	for _, listen := range []string{":8080", "0.0.0.0:8080", "[::]:8080", "192.0.2.1:80", "example.org:80", "localhost.example.org:80"} {
		c := good
		c.Listen = listen
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "InsecureNoAuth") {
			t.Errorf("%s: %v", listen, err)
		}
		c.InsecureNoAuth = true
		if err := c.Validate(); err != nil {
			t.Errorf("%s, insecure: %v", listen, err)
		}
		var text bytes.Buffer
		if who, err := logged(c, &text).authenticator(); who != nil || err != nil || !strings.Contains(text.String(), "level=WARN") {
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

// A mistake must not leave a server open.
func TestContradictoryAuthenticationIsRefused(t *testing.T) {
	good := DefaultConfig()
	for name, test := range map[string]struct {
		says   string
		change func(*Config)
	}{
		"another way":        {"Auth must be one of: none jwt app", func(c *Config) { c.Auth = "basic" }},
		"no key":             {"exactly one of", func(c *Config) { c.Auth = "jwt" }},
		"two keys":           {"exactly one of", func(c *Config) { c.Auth, c.JWTSecret, c.JWKSURL = "jwt", longSecret, "https://x/" }},
		"a key for nothing":  {"only with Auth jwt", func(c *Config) { c.JWTSecret = longSecret }},
		"an issuer, no auth": {"only with Auth jwt", func(c *Config) { c.JWTIssuer = "x" }},
		"nobody to ask":      {"needs AuthorizeURL", func(c *Config) { c.Auth = "app" }},
		"nothing to open":    {"PublicRooms", func(c *Config) { c.PublicRooms = []string{"open/*"} }},
		"asked for nothing":  {"only with Auth app", func(c *Config) { c.AuthorizeURL = "https://x/" }},
		"asked and verified": {"only with Auth jwt", func(c *Config) { c.Auth, c.AuthorizeURL, c.JWTSecret = "app", "https://x/", longSecret }},
		"open and closed":    {"contradicts", func(c *Config) { c.Auth, c.JWTSecret, c.InsecureNoAuth = "jwt", longSecret, true }},
	} {
		c := good
		test.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
}

func TestUnusableKeyStopsTheStart(t *testing.T) {
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
		change func(*Config)
		ok     bool
	}{
		"a good file":     {func(c *Config) { c.JWTKey = good }, true},
		"a good secret":   {func(c *Config) { c.JWTSecret = longSecret }, true},
		"a key set":       {func(c *Config) { c.JWKSURL = "https://id.example.com/keys" }, true},
		"an application":  {func(c *Config) { c.Auth, c.AuthorizeURL = "app", "https://app.example.com/who" }, true},
		"an open one":     {func(c *Config) { c.Auth, c.AuthorizeURL = "app", "http://app.example.com/who" }, false},
		"no file":         {func(c *Config) { c.JWTKey = filepath.Join(dir, "absent.pem") }, false},
		"no key":          {func(c *Config) { c.JWTKey = file("bad.pem", "hello") }, false},
		"a short secret":  {func(c *Config) { c.JWTSecret = "short" }, false},
		"an open key set": {func(c *Config) { c.JWKSURL = "http://id.example.com/keys" }, false},
	} {
		c := DefaultConfig()
		c.Auth = "jwt"
		test.change(&c)
		who, err := logged(c, io.Discard).authenticator()
		if (err == nil) != test.ok || (who != nil) != test.ok {
			t.Errorf("%s: %v, %v", name, who, err)
		}
		if err != nil && strings.Contains(err.Error(), c.JWTSecret) && c.JWTSecret != "" {
			t.Errorf("%s: the error repeats the secret: %v", name, err)
		}
	}
}

func TestUntrustedInitialStateURLIsRefused(t *testing.T) {
	for url, want := range map[string]struct{ asked, ok bool }{
		"": {false, true}, "https://app.example.com/rooms": {true, true}, "http://127.0.0.1:3000/rooms": {true, true},
		"http://app.example.com/rooms": {false, false}, "app.example.com": {false, false},
	} {
		c := DefaultConfig()
		c.InitialStateURL = url
		loader, err := c.initialState()
		if (loader != nil) != want.asked || (err == nil) != want.ok || err != nil && !strings.Contains(err.Error(), "InitialStateURL") {
			t.Errorf("%q: %v, %v", url, loader, err)
		}
	}
}

// The address of an activated socket is independent of Listen.
func TestPublicActivatedSocketRequiresAuthentication(t *testing.T) {
	good := DefaultConfig()
	for address, want := range map[string]bool{"127.0.0.1": true, "::1": true, "0.0.0.0": false, "::": false, "192.0.2.1": false} {
		at := &net.TCPAddr{IP: net.ParseIP(address), Port: 8080}
		if err := good.checkAddress(at); (err == nil) != want {
			t.Errorf("%s: %v", at, err)
		}
		open, closed := good, good
		open.InsecureNoAuth, closed.Auth = true, "jwt"
		if err := errors.Join(open.checkAddress(at), closed.checkAddress(at), good.checkAddress(&net.UnixAddr{Net: "unix", Name: "/run/x"})); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
}
