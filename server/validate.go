package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/pathsync/pathsync/httpapi/limit"
	"github.com/pathsync/pathsync/httpapi/origin"
	"github.com/pathsync/pathsync/sqlstore"
)

// ConfigError reports that a Config cannot be used. Its text names the fields by Config.FieldName and contains no secret.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *ConfigError) Unwrap() error { return e.Err }

// Validate returns a *ConfigError with everything that is wrong with c. It opens no file and no connection.
func (c Config) Validate() error {
	check := validator.New(validator.WithRequiredStructEnabled())
	check.RegisterTagNameFunc(func(field reflect.StructField) string { return c.name(field.Name) })
	if err := check.RegisterValidation("address", isAddress); err != nil {
		return fmt.Errorf("preparing the validation: %w", err)
	}
	var errs []error
	for _, group := range []any{
		c.NetworkConfig, c.TLSConfig, c.StorageConfig, c.ClusterConfig, c.AuthConfig, c.RoomConfig, c.StreamConfig, c.RequestConfig, c.PartyConfig,
	} {
		var wrong validator.ValidationErrors
		if err := check.Struct(group); err != nil && !errors.As(err, &wrong) {
			return err
		}
		for _, w := range wrong {
			errs = append(errs, explain(w))
		}
	}
	_, badOrigin := c.origins()
	_, badProxy := c.limits()
	if err := errors.Join(append(errs, badOrigin, badProxy, c.validateDatabase(), c.validateCluster(), c.validateTLS(), c.validateAuth())...); err != nil {
		return &ConfigError{err}
	}
	return nil
}

func (c Config) name(field string) string {
	if c.FieldName == nil {
		return field
	}
	return c.FieldName(field)
}

// errorf returns an error whose text names fields: each {Field} in format becomes the field's name.
func (c Config) errorf(format string, args ...any) error {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(format, "{")
		b.WriteString(before)
		if !found {
			return fmt.Errorf(b.String(), args...)
		}
		field, after, _ := strings.Cut(rest, "}")
		b.WriteString(c.name(field))
		format = after
	}
}

func explain(w validator.FieldError) error {
	switch w.Tag() {
	case "min":
		return fmt.Errorf("%s must be at least %s", w.Field(), w.Param())
	case "max":
		return fmt.Errorf("%s must be at most %s", w.Field(), w.Param())
	case "oneof":
		return fmt.Errorf("%s must be one of: %s", w.Field(), w.Param())
	case "url":
		return fmt.Errorf("%s must be a URL", w.Field())
	case "address":
		return fmt.Errorf("%s must be an address such as 127.0.0.1:8080", w.Field())
	default:
		return fmt.Errorf("%s must not be empty", w.Field())
	}
}

// isAddress accepts HOST:PORT. Port 0 lets the system choose; no host means every interface.
func isAddress(field validator.FieldLevel) bool {
	_, port, err := net.SplitHostPort(field.Field().String())
	if err != nil {
		return false
	}
	number, err := strconv.Atoi(port)
	return err == nil && number >= 0 && number <= 65535
}

// validateDatabase checks the scheme of Database and the name of a SQLite file.
func (c Config) validateDatabase() error {
	if file, ok := strings.CutPrefix(c.Database, "sqlite:"); ok {
		if err := sqlstore.CheckSQLiteFile(file); err != nil {
			return c.errorf("{Database}: %w", err)
		}
	}
	_, _, err := c.storeOpener(slog.New(slog.DiscardHandler))
	return err
}

func (c Config) validateTLS() error {
	for _, domain := range c.ACMEDomain {
		if strings.ContainsAny(domain, "/:* ") {
			return c.errorf("{ACMEDomain} %q is not a domain: write it like pathsync.example.com", domain)
		}
	}
	switch files := c.TLSCert != "" || c.TLSKey != ""; {
	case files && (c.TLSCert == "" || c.TLSKey == ""):
		return c.errorf("{TLSCert} and {TLSKey} go together")
	case files && len(c.ACMEDomain) > 0:
		return c.errorf("{ACMEDomain} gets the certificate that {TLSCert} already names")
	case c.H2C && (files || len(c.ACMEDomain) > 0):
		return c.errorf("{H2C} is HTTP/2 without TLS; with TLS, HTTP/2 is always available")
	}
	return nil
}

func (c Config) origins() (origin.Allowed, error) {
	origins, err := origin.Parse(c.AllowOrigin)
	if err != nil {
		return origins, c.errorf("{AllowOrigin}: %w", err)
	}
	return origins, nil
}

func (c Config) limits() (limit.Config, error) {
	proxies := make([]netip.Prefix, len(c.TrustedProxies))
	for i, text := range c.TrustedProxies {
		p, err := parsePrefix(text)
		if err != nil {
			return limit.Config{}, c.errorf("{TrustedProxies}: %q is neither an address nor a network such as 10.0.0.0/8", text)
		}
		proxies[i] = p
	}
	return limit.Config{
		Address: limit.Allowance{
			Batches: c.AddressBatches, Requests: c.AddressRequests, Streams: c.AddressStreams, Rooms: c.AddressRooms,
		},
		User: limit.Allowance{
			Batches: c.UserBatches, Requests: c.UserRequests, Streams: c.UserStreams, Rooms: c.UserRooms,
		},
		ClientBatches:  c.ClientBatches,
		TrustedProxies: proxies,
	}, nil
}

// parsePrefix reads a network or a single address.
func parsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Unmap().WithZone("").Prefix(a.Unmap().BitLen())
	}
	p, err := netip.ParsePrefix(text)
	if err == nil && p.Addr().Is4In6() {
		err = errors.New("an IPv4 network must not be written as IPv6")
	}
	return p.Masked(), err
}
