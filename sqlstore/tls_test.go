package sqlstore

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

func TestPostgresCertificateIsVerified(t *testing.T) {
	server := dbtest.NewPostgres(t)
	root := encrypt(t, server.DSN, "127.0.0.1")
	byName := strings.Replace(server.DSN, "127.0.0.1", "localhost", 1)
	for _, test := range []struct{ name, dsn, want string }{
		{"its own host", server.DSN + "?sslmode=verify-full&sslrootcert=" + url.QueryEscape(root), ""},
		{"another host", byName + "?sslmode=verify-full&sslrootcert=" + url.QueryEscape(root), "its certificate is for another host"},
		{"another host, allowed", byName + "?sslmode=verify-ca&sslrootcert=" + url.QueryEscape(root), ""},
		{"an unknown authority", server.DSN + "?sslmode=verify-full", "its certificate is signed by an unknown authority"},
		{"an unknown authority, allowed", server.DSN + "?sslmode=require", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, err := Open(t.Context(), test.dsn)
			if test.want != "" {
				dbtest.WantOutage(t, err, "opening database postgres", test.want)
				dbtest.WantNoSecret(t, err, server.DSN)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			const encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
			if queryText(t, store.dialect.Writer(), encrypted) != "true" || queryText(t, store.dialect.Reader(), encrypted) != "true" {
				t.Error("the connection is not encrypted")
			}
		})
	}
}

// encrypt has a server use TLS with a certificate for a host, and returns the file with the authority's certificate.
func encrypt(t *testing.T, dsn, host string) (root string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// It is its own authority.
	certificate := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pathsync test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(host)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, certificate, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})

	db := rawPostgres(t, dsn)
	for name, text := range map[string][]byte{"server.crt": public, "server.key": private} {
		// The server writes its files itself, because it may run as another user.
		lines := "SELECT unnest(string_to_array('" + strings.TrimSpace(string(text)) + "', E'\\n'))"
		mustExec(t, db, "COPY ("+lines+") TO PROGRAM 'umask 077; cat > "+name+"'")
	}
	mustExec(t, db, "ALTER SYSTEM SET ssl = on")
	mustExec(t, db, "SELECT pg_reload_conf()")
	for queryText(t, db, "SHOW ssl") != "on" { // the test's own limit ends this
		time.Sleep(time.Millisecond)
	}
	root = filepath.Join(t.TempDir(), "root.crt")
	if err := os.WriteFile(root, public, 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}
