package main

import (
	"errors"
	"fmt"

	"github.com/pathsync/pathsync/client"
)

// adminFlags are the flags of the commands that call the operators' address of a server.
type adminFlags struct {
	Admin string `env:"PATHSYNC_ADMIN" default:"http://127.0.0.1:9090" placeholder:"URL" help:"The address of the server's --admin-listen (${default})."`
}

// Validate is called by kong before Run.
func (f adminFlags) Validate() error {
	if _, err := client.New(client.Config{Server: f.Admin}); err != nil {
		return errors.New("--admin must be a URL such as http://127.0.0.1:9090")
	}
	return nil
}

// explain adds to an error of a call what --admin has to be.
func (f adminFlags) explain(err error) error {
	return fmt.Errorf("%w (--admin %s has to be the address of the server's --admin-listen)", err, f.Admin)
}

// admin returns a client of the operators' address. It sends no token.
func (f adminFlags) admin(p *program) (*client.Client, error) {
	return client.New(client.Config{Server: f.Admin, Wait: p.wait, OnRetry: p.reportRetry})
}
