package server

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a certificate and its key in two PEM files. It reloads them when they change.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	loaded  [2]fileVersion // versions of current
	warned  string         // the failure that was logged last; "" after a success
	checked time.Time      // time of the last check for new versions
}

// fileVersion changes when a file is replaced.
type fileVersion struct {
	modified time.Time
	size     int64
}

// checkInterval is the shortest time between two checks for new versions. Handshakes cause the checks.
const checkInterval = 10 * time.Second

// loadCertificate reads the files.
func loadCertificate(certFile, keyFile string, log *slog.Logger, now func() time.Time) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, now: now, checked: now()}
	c.loaded = c.versions()
	pair, err := loadPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	c.current = &pair
	return c, nil
}

// byteOrderMark is what some editors write at the beginning of a file.
const byteOrderMark = "\ufeff"

// loadPair reads both files, with or without a byte order mark.
func loadPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	mark := []byte(byteOrderMark)
	return tls.X509KeyPair(bytes.TrimPrefix(cert, mark), bytes.TrimPrefix(key, mark))
}

// get implements tls.Config.GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.checked) >= checkInterval {
		c.checked = now
		c.reloadLocked()
	}
	return c.current, nil
}

// reloadLocked reads the files if their versions are not those of the current certificate. If they do not match, because
// only one has been replaced so far, or cannot be read, that certificate stays in use, and the next check tries again.
func (c *certificate) reloadLocked() {
	versions := c.versions()
	if versions == c.loaded {
		c.warned = ""
		return
	}
	pair, err := loadPair(c.certFile, c.keyFile)
	if err != nil {
		if text := err.Error(); text != c.warned {
			c.warned = text
			c.log.Warn("the certificate cannot be reloaded; the last one stays in use", "error", err)
		}
		return
	}
	c.current, c.loaded, c.warned = &pair, versions, ""
	c.log.Info("the certificate has been reloaded", "expires", pair.Leaf.NotAfter)
}

// versions returns the zero version for a file that cannot be examined. Loading it then reports why.
func (c *certificate) versions() (v [2]fileVersion) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			v[i] = fileVersion{info.ModTime(), info.Size()}
		}
	}
	return v
}
