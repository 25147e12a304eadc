package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/nats-io/nats.go"
)

// Options configure a bus. Either URL or Listen or Advertise is required.
type Options struct {
	// URL of an existing NATS, or several, separated by commas. It may have a user and password or a token; the scheme tls
	// requires TLS. An unreachable NATS is not an error: the bus connects when it becomes reachable.
	URL string
	// Connect has further options of the connection to URL, for example nats.UserCredentials or nats.RootCAs.
	Connect []nats.Option

	// Listen is the HOST:PORT on which the embedded NATS accepts connections of other servers. Default: Advertise.
	Listen string
	// Advertise is the HOST:PORT at which other servers reach Listen. Default: Listen, which must then name a host. Port 0 of
	// Listen is a free port.
	Advertise string

	// Database identifies the database. It is the same on all its servers, and differs between databases.
	Database string
	// Epoch of the history that this server serves, at most 64 bytes. Messages of other epochs are dropped.
	Epoch string
	// Secret authenticates the servers of the database to each other. It is random, at least 16 bytes, and the same on all.
	Secret []byte

	Log *slog.Logger // default: slog.Default
}

const (
	minSecret = 16
	maxEpoch  = 64
)

// validate checks the options and sets defaults.
func (o *Options) validate() error {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	switch {
	case o.Database == "":
		return errors.New("the bus needs the identity of the database")
	case len(o.Secret) < minSecret:
		return fmt.Errorf("the secret of the bus has %d bytes; %d are needed", len(o.Secret), minSecret)
	case len(o.Epoch) > maxEpoch:
		return fmt.Errorf("the epoch has %d bytes; at most %d are possible", len(o.Epoch), maxEpoch)
	case o.URL != "" && (o.Listen != "" || o.Advertise != ""):
		return errors.New("the bus uses either an existing NATS or an embedded one, not both")
	case o.URL != "":
		return nil
	}
	return o.validateAddresses()
}

func (o *Options) validateAddresses() error {
	if o.Listen == "" {
		o.Listen = o.Advertise
	}
	if o.Listen == "" {
		return errors.New("the bus needs an address that other servers can reach, HOST:PORT")
	}
	host, _, err := splitAddress(o.Listen)
	if err != nil {
		return err
	}
	if o.Advertise != "" {
		_, _, err = splitAddress(o.Advertise)
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("the bus listens on all addresses (%q): name the address at which other servers reach this one", o.Listen)
	}
	return nil
}

// splitAddress checks and splits HOST:PORT.
func splitAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("the address %q of the bus is not HOST:PORT", address)
	}
	return host, port, nil
}
