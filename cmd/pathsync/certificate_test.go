package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pair is a self-signed certificate with its key, in PEM.
type pair struct {
	leaf      *x509.Certificate
	cert, key []byte
}

// newPair makes a certificate for example.com and the loopback address.
func newPair(t *testing.T) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
		DNSNames: []string{"example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		leaf: leaf,
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	}
}

// place is a directory with the files of a certificate.
type place struct {
	t         *testing.T
	cert, key string
	written   time.Time
}

func newPlace(t *testing.T, p pair) *place {
	dir := t.TempDir()
	at := &place{t: t, cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"), written: time.Now()}
	at.put(at.cert, p.cert)
	at.put(at.key, p.key)
	return at
}

// put replaces a file. Each has another time, however fast the test is.
func (at *place) put(name string, content []byte) {
	at.t.Helper()
	at.written = at.written.Add(time.Second)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		at.t.Fatal(err)
	}
	if err := os.Chtimes(name, at.written, at.written); err != nil {
		at.t.Fatal(err)
	}
}

func TestACertificateIsReadAnewWhenItIsReplaced(t *testing.T) {
	first, second := newPair(t), newPair(t)
	at := newPlace(t, first)
	var log bytes.Buffer
	now := time.Now()
	c, err := loadCertificate(at.cert, at.key, slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	serves := func(want pair, when string) {
		t.Helper()
		got, err := c.get(&tls.ClientHelloInfo{})
		if err != nil || !got.Leaf.Equal(want.leaf) {
			t.Errorf("%s: certificate %v, want %v, %v", when, got.Leaf.SerialNumber, want.leaf.SerialNumber, err)
		}
	}
	serves(first, "at first")
	at.put(at.cert, second.cert)
	serves(first, "before anybody has looked")
	now = now.Add(lookEvery)
	serves(first, "with the key still to come")
	serves(first, "with the key still to come")
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, &log)
	}
	at.put(at.key, second.key)
	now = now.Add(lookEvery)
	serves(second, "when both are there")
	if err := os.Remove(at.cert); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookEvery)
	serves(second, "when the file is gone")
	now = now.Add(lookEvery)
	serves(second, "when the file is gone")
	if n := strings.Count(log.String(), "level=WARN"); n != 2 {
		t.Errorf("%d warnings:\n%s", n, &log)
	}
	at.put(at.cert, first.cert)
	at.put(at.key, first.key)
	now = now.Add(lookEvery)
	serves(first, "when it is back")
}

func TestACertificateThatCannotBeReadIsToldAtTheStart(t *testing.T) {
	p := newPair(t)
	for name, files := range map[string][2][]byte{
		"another's key": {p.cert, newPair(t).key},
		"no PEM":        {[]byte("certificate"), p.key},
	} {
		at := newPlace(t, pair{cert: files[0], key: files[1]})
		s := call(t.Context(), "", "--listen", "127.0.0.1:0", "--database", "memory:", "--tls-cert", at.cert, "--tls-key", at.key)
		if s.code != exitFailed || !strings.Contains(s.stderr, "--tls-cert") {
			t.Errorf("%s: exit %d, %s", name, s.code, s.stderr)
		}
	}
}
