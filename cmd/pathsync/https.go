package main

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// checkTLS says which flags about TLS do not go together.
func (c *serveCommand) checkTLS() error {
	switch files := c.TLSCert != "" || c.TLSKey != ""; {
	case files && (c.TLSCert == "" || c.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case files && len(c.ACMEDomain) > 0:
		return errors.New("--acme-domain gets the certificate that --tls-cert already names")
	case c.H2C && (files || len(c.ACMEDomain) > 0):
		return errors.New("--h2c is HTTP/2 without TLS; with TLS there is HTTP/2 anyway")
	}
	return nil
}

// tlsConfig is how connections are encrypted; nil when they are not.
func (c *serveCommand) tlsConfig(log *slog.Logger) (*tls.Config, error) {
	var config *tls.Config
	switch {
	case c.TLSCert != "":
		files, err := loadCertificate(c.TLSCert, c.TLSKey, log, time.Now)
		if err != nil {
			return nil, err
		}
		config = &tls.Config{GetCertificate: files.get}
	case len(c.ACMEDomain) > 0:
		config = c.certificates().TLSConfig()
	default:
		return nil, nil
	}
	config.MinVersion = tls.VersionTLS12
	return config, nil
}

// certificates gets certificates from an ACME server, for the domains named and no others, and renews them in time. The
// server proves that the domains are its own on the TLS port itself (TLS-ALPN-01): no second port is needed.
func (c *serveCommand) certificates() *autocert.Manager {
	return &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(c.ACMECache),
		HostPolicy: autocert.HostWhitelist(c.ACMEDomain...),
		Client:     &acme.Client{DirectoryURL: c.ACMEServer},
	}
}
