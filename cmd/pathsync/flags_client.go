package main

import (
	"errors"
	"strings"
	"time"

	"github.com/pathsync/pathsync/client"
)

// serverFlags are the flags of the commands that call a running server.
type serverFlags struct {
	Server string `env:"PATHSYNC_SERVER" default:"http://${listen}" placeholder:"URL" help:"The server to call (${default})."`
	Token  string `env:"PATHSYNC_TOKEN" placeholder:"JWT" help:"The token to send. Prefer the environment variable."`
}

// Validate is called by kong before Run.
func (f serverFlags) Validate() error {
	if _, err := client.New(client.Config{Server: f.Server}); err != nil {
		return errors.New("--server must be a URL such as http://127.0.0.1:8080")
	}
	if strings.ContainsFunc(f.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("--token must be a token, such as a JSON Web Token, without blanks and line ends")
	}
	return nil
}

// client returns a client that reports its retries.
func (f serverFlags) client(p *program) (*client.Client, error) {
	return client.New(client.Config{
		Server: f.Server, Token: f.Token, Wait: p.wait, OnRetry: p.reportRetry,
	})
}

func (p *program) reportRetry(err error, after time.Duration) {
	_ = p.stderr.printf("%s %s; retrying in %s\n", yellow.of("pathsync:"), err, after.Round(time.Millisecond)) // there is no place for its error
}
