package server

import (
	"crypto/tls"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// tlsConfig returns nil when the server does not use TLS.
func (c Config) tlsConfig() (*tls.Config, error) {
	var config *tls.Config
	switch {
	case c.TLSCert != "":
		files, err := loadCertificate(c.TLSCert, c.TLSKey, c.Log, time.Now)
		if err != nil {
			return nil, &ConfigError{c.errorf("reading {TLSCert} and {TLSKey}: %w", err)}
		}
		config = &tls.Config{GetCertificate: files.get}
	case len(c.ACMEDomain) > 0:
		config = c.acme().TLSConfig()
	default:
		return nil, nil //nolint:nilnil // no TLS
	}
	config.MinVersion = tls.VersionTLS12
	return config, nil
}

// acme gets and renews certificates for ACMEDomain only. The server proves control of the domains on the TLS port
// (TLS-ALPN-01), so no second port is needed.
func (c Config) acme() *autocert.Manager {
	return &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(c.ACMECache),
		HostPolicy: autocert.HostWhitelist(c.ACMEDomain...),
		Client:     &acme.Client{DirectoryURL: c.ACMEServer},
	}
}
