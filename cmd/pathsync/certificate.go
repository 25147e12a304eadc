package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a certificate and its key in two files, which may be replaced while the server runs.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	tried   [2]fileVersion // what the files were when they were last read
	looked  time.Time      // when they were last looked at
}

// fileVersion is what tells that a file was replaced.
type fileVersion struct {
	modified time.Time
	size     int64
}

// lookEvery is how often the files are looked at, while anybody connects.
const lookEvery = 10 * time.Second

// loadCertificate reads the files, which have to be there and belong together.
func loadCertificate(certFile, keyFile string, log *slog.Logger, now func() time.Time) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, now: now, looked: now()}
	c.tried = c.versions()
	pair, err := loadPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("reading --tls-cert and --tls-key: %w", err)
	}
	c.current = &pair
	return c, nil
}

// loadPair reads both files, with or without the byte order mark that editors on Windows write.
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

// get is what tls.Config.GetCertificate wants.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		c.reload()
	}
	return c.current, nil
}

// reload reads the files if one of them was replaced. Between the two, they do not belong together: until they do, the
// certificate stays what it was.
func (c *certificate) reload() {
	versions := c.versions()
	if versions == c.tried {
		return
	}
	c.tried = versions
	pair, err := loadPair(c.certFile, c.keyFile)
	if err != nil {
		c.log.Warn("the certificate cannot be read anew; the last one stays in use", "error", err)
		return
	}
	c.current = &pair
	c.log.Info("the certificate has been read anew", "expires", pair.Leaf.NotAfter)
}

// versions looks at both files. One that cannot be looked at is as good as another one: reading it tells why.
func (c *certificate) versions() (v [2]fileVersion) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			v[i] = fileVersion{info.ModTime(), info.Size()}
		}
	}
	return v
}
