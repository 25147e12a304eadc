package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/auth"
	"github.com/pathsync/pathsync/httpapi"
)

// validateAuth checks that whoever can reach the server has to show who he is, unless it was said that he need not.
func (c *serveCommand) validateAuth() error {
	keys := 0
	for _, flag := range []string{c.JWTSecret, c.JWTKey, c.JWKSURL} {
		if flag != "" {
			keys++
		}
	}
	switch {
	case c.Auth != "none" && c.InsecureNoAuth:
		return fmt.Errorf("--insecure-no-auth contradicts --auth %s", c.Auth)
	case c.Auth == "none" && len(c.PublicRooms) > 0:
		return errors.New("--public-rooms says what can be read without a token, and --auth none asks nobody for one")
	case c.Auth != "app" && c.AuthorizeURL != "":
		return errors.New("--authorize-url is asked only with --auth app")
	case c.Auth == "app" && c.AuthorizeURL == "":
		return errors.New("--auth app needs --authorize-url")
	case c.Auth == "jwt" && keys != 1:
		return errors.New("--auth jwt needs exactly one of --jwt-secret, --jwt-key and --jwks-url")
	case c.Auth == "jwt":
		return nil
	case c.Auth == "app" && keys == 0 && c.JWTIssuer == "" && c.JWTAudience == "":
		return nil
	case keys > 0 || c.JWTIssuer != "" || c.JWTAudience != "":
		return errors.New("tokens are verified only with --auth jwt")
	case !c.InsecureNoAuth && hasHost(c.Listen) && !listensOnLoopback(c.Listen):
		return fmt.Errorf("--listen %s is open to the network: ask for tokens with --auth jwt or app, or let everybody in with --insecure-no-auth", c.Listen)
	default:
		return nil
	}
}

// publicRooms are the rooms that can be read without a token.
func (c *serveCommand) publicRooms() []access.Pattern {
	patterns := make([]access.Pattern, len(c.PublicRooms))
	for i, text := range c.PublicRooms {
		patterns[i] = access.Glob(text)
	}
	return patterns
}

// hasHost reports whether an address is one. That one is none is told elsewhere.
func hasHost(address string) bool {
	_, _, err := net.SplitHostPort(address)
	return err == nil
}

// listensOnLoopback reports whether only this machine can reach an address. A name other than localhost may stand for
// anything.
func listensOnLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// checkReach checks the address that is really listened on: an inherited socket need not be that of --listen.
func (c *serveCommand) checkReach(address net.Addr) error {
	if c.Auth == "none" && !c.InsecureNoAuth && address.Network() == "tcp" && !listensOnLoopback(address.String()) {
		return usageError{fmt.Errorf("the inherited socket %s is open to the network: ask for tokens with --auth jwt or app, or let everybody in with --insecure-no-auth", address)}
	}
	return nil
}

// localOnly reports whether the server lets in everybody because nobody but this machine can reach it. Over TLS nobody can
// pretend to be found by another name: he has no certificate for it.
func (c *serveCommand) localOnly(address net.Addr, encrypted bool) bool {
	return c.Auth == "none" && !c.InsecureNoAuth && address.Network() == "tcp" && !encrypted
}

// authenticator returns who finds out who sends a request, and nil when nobody is asked.
func (c *serveCommand) authenticator(log *slog.Logger) (httpapi.Authenticator, error) {
	if c.Auth == "none" {
		if c.InsecureNoAuth {
			log.Warn("everybody who can reach this server may read and change everything", "listen", c.Listen)
		}
		return nil, nil //nolint:nilnil // nobody is asked
	}
	if c.Auth == "app" {
		application, err := auth.NewApplication(auth.ApplicationConfig{URL: c.AuthorizeURL, Log: log})
		if err != nil {
			return nil, usageError{fmt.Errorf("--authorize-url: %w", err)}
		}
		return application, nil
	}
	cfg := auth.Config{
		Secret: []byte(c.JWTSecret), KeysURL: c.JWKSURL, Issuer: c.JWTIssuer, Audience: c.JWTAudience, Log: log,
	}
	if c.JWTKey != "" {
		var err error
		if cfg.PublicKey, err = os.ReadFile(c.JWTKey); err != nil {
			return nil, usageError{fmt.Errorf("reading --jwt-key: %w", err)}
		}
	}
	verifier, err := auth.New(cfg)
	if err != nil {
		return nil, usageError{fmt.Errorf("--auth jwt: %w", err)}
	}
	return verifier, nil
}
