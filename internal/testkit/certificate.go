package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Pair is a self-signed certificate with its key.
type Pair struct {
	Leaf      *x509.Certificate
	Cert, Key []byte // PEM
}

// NewPair makes a certificate for example.com and 127.0.0.1.
func NewPair(t testing.TB) Pair {
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
	return Pair{
		Leaf: leaf,
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	}
}

// PairFiles is a directory with the files of a Pair.
type PairFiles struct {
	t         testing.TB
	Cert, Key string // file names
	written   time.Time
}

// NewPairFiles writes p to files.
func NewPairFiles(t testing.TB, p Pair) *PairFiles {
	dir := t.TempDir()
	f := &PairFiles{t: t, Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), written: time.Now()}
	f.Write(f.Cert, p.Cert)
	f.Write(f.Key, p.Key)
	return f
}

// Write replaces a file. Its modification time is later than that of every file before.
func (f *PairFiles) Write(name string, content []byte) {
	f.t.Helper()
	f.written = f.written.Add(time.Second)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Chtimes(name, f.written, f.written); err != nil {
		f.t.Fatal(err)
	}
}
