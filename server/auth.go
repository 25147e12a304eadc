package server

import (
	"net"
	"os"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/auth"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/initialstate"
)

// validateAuth refuses contradictions, and open access from the network unless InsecureNoAuth allows it.
func (c Config) validateAuth() error {
	keys := 0
	for _, key := range []string{c.JWTSecret, c.JWTKey, c.JWKSURL} {
		if key != "" {
			keys++
		}
	}
	tokens := keys > 0 || c.JWTIssuer != "" || c.JWTAudience != ""
	switch {
	case c.Authenticator != nil:
		return nil
	case c.Auth != "none" && c.InsecureNoAuth:
		return c.errorf("{InsecureNoAuth} contradicts {Auth} %s", c.Auth)
	case c.Auth == "none" && len(c.PublicRooms) > 0:
		return c.errorf("{PublicRooms} lists rooms to read without a token, but {Auth} none requires no token anywhere")
	case c.Auth != "app" && c.AuthorizeURL != "":
		return c.errorf("{AuthorizeURL} is used only with {Auth} app")
	case c.Auth == "app" && c.AuthorizeURL == "":
		return c.errorf("{Auth} app needs {AuthorizeURL}")
	case c.Auth == "jwt" && keys != 1:
		return c.errorf("{Auth} jwt needs exactly one of {JWTSecret}, {JWTKey} and {JWKSURL}")
	case c.Auth != "jwt" && tokens:
		return c.errorf("tokens are verified only with {Auth} jwt")
	case c.Auth == "none" && !c.InsecureNoAuth && hasHost(c.Listen) && !isLoopback(c.Listen):
		return c.openError("{Listen}", c.Listen)
	default:
		return nil
	}
}

// openError reports that a server without authentication would accept connections from the network.
func (c Config) openError(what, address string) error {
	return c.errorf(what+" %s is open to the network: require tokens with {Auth} jwt or app, or allow all access with {InsecureNoAuth}", address)
}

// isOpen reports whether the API requires no authentication.
func (c Config) isOpen() bool { return c.Auth == "none" && c.Authenticator == nil }

// checkAddress validates the address of the listener, which can differ from Listen.
func (c Config) checkAddress(address net.Addr) error {
	if c.isOpen() && !c.InsecureNoAuth && address.Network() == "tcp" && !isLoopback(address.String()) {
		return &ConfigError{c.openError("the inherited socket", address.String())}
	}
	return nil
}

// hasHost reports whether address has the form HOST:PORT. Validate reports one that does not.
func hasHost(address string) bool {
	_, _, err := net.SplitHostPort(address)
	return err == nil
}

// isLoopback reports whether only this machine can reach an address. A name other than localhost can resolve to any
// address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// localOnly reports whether the API must refuse requests for other host names, because it allows all access from this
// machine. Over TLS, a request for an attacker's host name fails, because the server has no certificate for it.
func (c Config) localOnly(address net.Addr, encrypted bool) bool {
	return c.isOpen() && !c.InsecureNoAuth && !encrypted && (address == nil || address.Network() == "tcp")
}

// authenticator returns nil when the API requires no authentication.
func (c Config) authenticator() (httpapi.Authenticator, error) {
	switch {
	case c.Authenticator != nil:
		return c.Authenticator, nil
	case c.Auth == "app":
		application, err := auth.NewApplication(auth.ApplicationConfig{URL: c.AuthorizeURL, Log: c.Log})
		if err != nil {
			return nil, &ConfigError{c.errorf("{AuthorizeURL}: %w", err)}
		}
		return application, nil
	case c.Auth == "jwt":
		return c.verifier()
	}
	if c.InsecureNoAuth {
		c.Log.Warn("everybody who can reach this server can read and change everything", "listen", c.Listen)
	}
	return nil, nil //nolint:nilnil // no authentication
}

func (c Config) verifier() (httpapi.Authenticator, error) {
	cfg := auth.Config{
		Secret: []byte(c.JWTSecret), KeysURL: c.JWKSURL, Issuer: c.JWTIssuer, Audience: c.JWTAudience, Log: c.Log,
	}
	if c.JWTKey != "" {
		var err error
		if cfg.PublicKey, err = os.ReadFile(c.JWTKey); err != nil {
			return nil, &ConfigError{c.errorf("reading {JWTKey}: %w", err)}
		}
	}
	verifier, err := auth.New(cfg)
	if err != nil {
		return nil, &ConfigError{c.errorf("{Auth} jwt: %w", err)}
	}
	return verifier, nil
}

// initialState returns nil when new rooms are empty.
func (c Config) initialState() (core.InitialStateLoader, error) {
	if c.InitialState != nil || c.InitialStateURL == "" {
		return c.InitialState, nil
	}
	loader, err := initialstate.New(initialstate.Config{URL: c.InitialStateURL})
	if err != nil {
		return nil, &ConfigError{c.errorf("{InitialStateURL}: %w", err)}
	}
	return loader, nil
}

// publicRooms returns the patterns of PublicRooms.
func (c Config) publicRooms() []access.Pattern {
	patterns := make([]access.Pattern, len(c.PublicRooms))
	for i, text := range c.PublicRooms {
		patterns[i] = access.Glob(text)
	}
	return patterns
}
