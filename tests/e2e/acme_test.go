package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	bigendian "encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/tests/program"
)

// acmeName is the name in the certificate. Only the authority's name server resolves it, to this machine.
const acmeName = "pathsync.test"

// authority is Pebble, the ACME server for tests. It connects to the server and requests the answer to its challenge.
type authority struct {
	t                   *testing.T
	pebble              string // the program
	address, management string
	cert, key           string // files, for its HTTPS
	client              *http.Client
	process             *program.Process
}

func newAuthority(t *testing.T, pebble string) *authority {
	t.Helper()
	dir := t.TempDir()
	a := &authority{
		t: t, pebble: pebble, address: program.FreeAddress(t), management: program.FreeAddress(t),
		cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"),
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a.put(a.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	a.put(a.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.read(a.cert))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	a.client = &http.Client{Transport: transport, Timeout: patience}
	return a
}

func (a *authority) put(file string, content []byte) {
	a.t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) read(file string) []byte {
	a.t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		a.t.Fatal(err)
	}
	return content
}

// start starts the authority, which looks for the answers to its challenges on a port of this machine.
func (a *authority) start(port int) {
	a.t.Helper()
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": a.address, "managementListenAddress": a.management, "certificate": a.cert, "privateKey": a.key, "tlsPort": port,
		"profiles": map[string]any{"default": map[string]any{"description": "", "validityPeriod": 7776000}},
	}})
	if err != nil {
		a.t.Fatal(err)
	}
	file := filepath.Join(filepath.Dir(a.cert), "pebble.json")
	a.put(file, config)
	a.process = program.Start(a.t, "", []string{"PEBBLE_VA_NOSLEEP=1"}, a.pebble, "-config", file, "-dnsserver", nameServer(a.t))
	for _, url := range []string{a.directory(), "https://" + a.management + "/roots/0"} { // it reports that it listens before it does
		eventually(a.t, func() error {
			resp, err := a.client.Get(url)
			if err == nil {
				resp.Body.Close()
			}
			return err
		})
	}
}

func (a *authority) directory() string { return "https://" + a.address + "/dir" }

// roots returns the root certificates of the authority.
func (a *authority) roots() *x509.CertPool {
	a.t.Helper()
	resp, err := a.client.Get("https://" + a.management + "/roots/0")
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		a.t.Fatalf("%s: %q is no certificate", resp.Status, text)
	}
	return roots
}

// nameServer starts a DNS server on TCP that resolves every name to this machine until the test ends, and returns its
// address.
func nameServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if err := resolve(conn); err != nil && !errors.Is(err, io.EOF) {
				t.Errorf("the name server: %v", err)
			}
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return listener.Addr().String()
}

// resolve answers one question (RFC 1035): an A record of this machine for a question of type A, otherwise no record.
func resolve(conn net.Conn) error {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return err
	}
	question := make([]byte, bigendian.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, question); err != nil {
		return err
	}
	if len(question) < 17 {
		return errors.New("the question is too short")
	}
	answer := slices.Concat(question[:2], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}) // a recursive answer to one question
	answer = append(answer, question[12:]...)
	if kind := question[len(question)-4:]; bigendian.BigEndian.Uint16(kind) == 1 {
		answer[7] = 1
		answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1) // the name asked for, A, IN, 1 s
	}
	_, err := conn.Write(append(bigendian.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	return err
}

// startForACME starts a server on an address, which gets its certificate from an authority.
func startForACME(t *testing.T, address, cache string, from *authority) *program.Process {
	t.Helper()
	p := program.Start(t, "", []string{"SSL_CERT_FILE=" + from.cert}, binary, "serve", "--listen", address, "--database", "memory:",
		"--acme-domain", acmeName, "--acme-cache", cache, "--acme-server", from.directory())
	p.Line(t, p.Stderr, `msg="pathsync is ready"`)
	return p
}

// handshake connects by a name and returns the certificate that the server shows.
func handshake(t *testing.T, address, name string, roots *x509.CertPool) (*x509.Certificate, error) {
	t.Helper()
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: &tls.Config{ServerName: name, RootCAs: roots}}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

func TestACertificateIsGotFromAnACMEServerAndKeptOverARestart(t *testing.T) {
	pebble := os.Getenv("PATHSYNC_TEST_PEBBLE")
	if pebble == "" {
		t.Skip("PATHSYNC_TEST_PEBBLE does not name an ACME server; make acme gets one")
	}
	address, cache := program.FreeAddress(t), t.TempDir()
	_, text, _ := strings.Cut(address, ":")
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	from := newAuthority(t, pebble)
	from.start(port)
	roots := from.roots()

	server := startForACME(t, address, cache, from)
	first, err := handshake(t, address, acmeName, roots)
	if err != nil {
		t.Fatalf("%v; the authority says\n%s", err, from.process.Stdout.String())
	}
	if said := from.process.Stdout.String(); !strings.Contains(said, "VALID by completed challenge") {
		t.Errorf("the name was not proved:\n%s", said)
	}
	if _, err := handshake(t, address, "other.test", roots); err == nil {
		t.Error("a name that is not the server's has a certificate")
	}

	server.Signal(t, os.Interrupt)
	server.Wait(t, shutdownLimit)
	from.process.Kill(t)
	startForACME(t, address, cache, from)
	again, err := handshake(t, address, acmeName, roots)
	if err != nil || !again.Equal(first) {
		t.Errorf("after a restart, with the authority stopped: %v, and serial %v instead of %v", err, again.SerialNumber, first.SerialNumber)
	}
}
