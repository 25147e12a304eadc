package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pathsync/pathsync/auth"
)

type tokenMakeCommand struct {
	outputFlags `embed:""`

	Secret string `name:"jwt-secret" env:"PATHSYNC_JWT_SECRET" placeholder:"SECRET" help:"Sign with this secret, as --jwt-secret of the server (HS256). Prefer the environment variable."`
	Key    string `name:"jwt-private-key" placeholder:"FILE" help:"Sign with the private key in this PEM file (RSA, ECDSA, Ed25519)."`
	KeyID  string `name:"kid" placeholder:"ID" help:"Name the key in the header, for --jwks-url."`

	Sub      string        `required:"" placeholder:"USER" help:"The user."`
	Expires  time.Duration `default:"1h" placeholder:"DURATION" help:"The token is valid for this long (${default})."`
	Issuer   string        `name:"jwt-issuer" env:"PATHSYNC_JWT_ISSUER" placeholder:"ISS" help:"The claim iss, as --jwt-issuer of the server."`
	Audience string        `name:"jwt-audience" env:"PATHSYNC_JWT_AUDIENCE" placeholder:"AUD" help:"The claim aud, as --jwt-audience of the server."`

	Room  []string `placeholder:"NAME" sep:"none" help:"Grant access to this room; repeatable."`
	Match []string `placeholder:"PATTERN" sep:"none" help:"Grant access to rooms that match, such as 'team-*'; repeatable."`
	Can   []string `default:"read,write,presence" placeholder:"WHAT" help:"What is granted in these rooms (${default})."`
}

// Help is shown below the flags.
func (*tokenMakeCommand) Help() string {
	return `Prints a JSON Web Token for a server with --auth jwt. It is meant for development: in production, your application or its identity provider makes tokens, and the private key stays there. Without --room and --match, it grants nothing.

A flag for the key takes precedence over the environment.

Examples:

  export PATHSYNC_JWT_SECRET='at least 32 bytes, for tests only'
  pathsync token make --sub ada --match '*'
  PATHSYNC_TOKEN=$(pathsync token make --sub bob --room board-7 --can read)`
}

// Validate is called by kong before Run.
func (c *tokenMakeCommand) Validate(line *kong.Context) error {
	if err := oneKey(line, map[string]*string{"jwt-secret": &c.Secret, "jwt-private-key": &c.Key}); err != nil {
		return err
	}
	if c.Secret == "" && c.Key == "" {
		return errors.New("a key is needed: PATHSYNC_JWT_SECRET, or --jwt-private-key FILE")
	}
	if c.Sub == "" {
		return errors.New("--sub must name the user: servers refuse tokens without one")
	}
	if len(c.Can) == 0 {
		return fmt.Errorf("--can must be one or more of: %s", strings.Join(rights, " "))
	}
	if c.Expires < time.Second {
		return errors.New("--expires must be at least 1s")
	}
	for _, right := range c.Can {
		if !slices.Contains(rights, right) {
			return fmt.Errorf("--can %q must be one of: %s", right, strings.Join(rights, " "))
		}
	}
	return nil
}

var rights = []string{"read", "write", "presence"}

// Run prints the token.
func (c *tokenMakeCommand) Run(p *program) error {
	cfg := auth.SignConfig{Secret: []byte(c.Secret), KeyID: c.KeyID}
	if c.Key != "" {
		var err error
		if cfg.PrivateKey, err = os.ReadFile(c.Key); err != nil {
			return usageError{err}
		}
	}
	claims := c.claims(time.Now())
	token, err := auth.Sign(cfg, claims)
	if err != nil {
		return usageError{err}
	}
	if c.JSON {
		return p.stdout.writeJSON(map[string]any{"token": token, "claims": claims})
	}
	return p.stdout.printf("%s\n", token)
}

func (c *tokenMakeCommand) claims(now time.Time) map[string]any {
	claims := map[string]any{"sub": c.Sub, "iat": now.Unix(), "exp": now.Add(c.Expires).Unix()}
	for name, value := range map[string]string{"iss": c.Issuer, "aud": c.Audience} {
		if value != "" {
			claims[name] = value
		}
	}
	rooms := []any{}
	for member, names := range map[string][]string{"room": c.Room, "match": c.Match} {
		for _, name := range names {
			grant := map[string]any{member: name}
			for _, right := range c.Can {
				grant[right] = true
			}
			rooms = append(rooms, grant)
		}
	}
	claims["pathsync"] = map[string]any{"rooms": rooms}
	return claims
}
