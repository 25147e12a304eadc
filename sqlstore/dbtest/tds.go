package dbtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"time"
	"unicode/utf16"
)

// NegativeSerial creates a certificate with a negative serial number, like those that SQL Server generates.
func NegativeSerial(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial := []byte{0x7d, 1, 2, 3, 4, 5, 6, 7}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: "SSL_Self_Signed_Fallback"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(der, serial)
	der[at] |= 0x80 // makes the number negative; the signature becomes invalid, which no test verifies
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TDSHandshakes starts a server that does the TLS handshake of SQL Server and then closes the connection. It returns its
// address, and the result of each handshake.
func TDSHandshakes(t testing.TB, certificate tls.Certificate) (address string, handshakes <-chan error) {
	t.Helper()
	ended := make(chan error, 100)
	return serveTDS(t, func(conn net.Conn) { ended <- handshake(conn, certificate) }), ended
}

// TDSWithoutEncryption starts a server that offers no encryption, and returns its address.
func TDSWithoutEncryption(t testing.TB) (address string) {
	t.Helper()
	return serveTDS(t, func(conn net.Conn) { _ = prelogin(&tdsPackets{Conn: conn, kind: tdsAnswer}, encryptionNotSupported) })
}

// serveTDS serves connections sequentially, and returns the address.
func serveTDS(t testing.TB, serve func(net.Conn)) (address string) {
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
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			serve(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return listener.Addr().String()
}

// The types of packets.
const (
	tdsAnswer   = 0x04
	tdsPrelogin = 0x12
)

// What a server says about encryption before the login.
const (
	encryptionNotSupported = 2
	encryptionRequired     = 3
)

// prelogin answers a client with the version and the encryption. Each option has a number, an offset and a length.
func prelogin(packets *tdsPackets, encryption byte) error {
	if _, err := packets.next(); err != nil {
		return err
	}
	_, err := packets.Write([]byte{0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 16, 0, 0, 0, 0, 0, encryption})
	return err
}

func handshake(conn net.Conn, certificate tls.Certificate) error {
	packets := &tdsPackets{Conn: conn, kind: tdsAnswer}
	if err := prelogin(packets, encryptionRequired); err != nil {
		return err
	}
	packets.kind = tdsPrelogin
	return tls.Server(packets, &tls.Config{Certificates: []tls.Certificate{certificate}, MaxVersion: tls.VersionTLS12}).Handshake() //nolint:gosec,noctx // as SQL Server; the connection has a deadline
}

// tdsPackets is a connection that transfers bytes in TDS packets.
type tdsPackets struct {
	net.Conn
	kind byte
	left []byte // of the last packet that was read
}

func (p *tdsPackets) next() ([]byte, error) {
	var header [8]byte
	if _, err := io.ReadFull(p.Conn, header[:]); err != nil {
		return nil, err
	}
	payload := make([]byte, max(0, int(header[2])<<8+int(header[3])-len(header)))
	_, err := io.ReadFull(p.Conn, payload)
	return payload, err
}

func (p *tdsPackets) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		payload, err := p.next()
		if err != nil {
			return 0, err
		}
		p.left = payload
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}

func (p *tdsPackets) Write(b []byte) (int, error) {
	size := len(b) + 8
	packet := append([]byte{p.kind, 1, byte(size >> 8), byte(size), 0, 0, 1, 0}, b...)
	if _, err := p.Conn.Write(packet); err != nil {
		return 0, err
	}
	return len(b), nil
}

// TDSFederatedLogins starts a server that requests a token of Entra ID, like Azure SQL, and then closes the connection. It
// returns its address and the received tokens.
func TDSFederatedLogins(t testing.TB) (address string, tokens <-chan string) {
	t.Helper()
	shown := make(chan string, 100)
	return serveTDS(t, func(conn net.Conn) {
		if token, err := federatedLogin(&tdsPackets{Conn: conn, kind: tdsAnswer}); err == nil {
			shown <- token
		}
	}), shown
}

func federatedLogin(packets *tdsPackets) (token string, err error) {
	if _, err := packets.next(); err != nil { // prelogin
		return "", err
	}
	// The version, no encryption, and a required token.
	if _, err := packets.Write([]byte{0, 0, 16, 0, 6, 1, 0, 22, 0, 1, 6, 0, 23, 0, 1, 0xff, 16, 0, 0, 0, 0, 0, 2, 1}); err != nil {
		return "", err
	}
	if _, err := packets.next(); err != nil { // login
		return "", err
	}
	authority, resource := ucs2("https://login.microsoftonline.com/22222222-2222-2222-2222-222222222222"), ucs2("https://database.windows.net/")
	const options = 4 + 2*9
	size := options + len(authority) + len(resource)
	info := []byte{0xee}
	for _, n := range []int{size, 2} {
		info = binary.LittleEndian.AppendUint32(info, uint32(n))
	}
	info = appendOption(info, 1, len(authority), options)
	info = appendOption(info, 2, len(resource), options+len(authority))
	if _, err := packets.Write(append(append(info, authority...), resource...)); err != nil {
		return "", err
	}
	message, err := packets.next()
	if err != nil || len(message) < 8 {
		return "", errors.Join(err, io.ErrUnexpectedEOF)
	}
	length := binary.LittleEndian.Uint32(message[4:])
	var units []uint16
	for text := message[8:min(len(message), 8+int(length))]; len(text) > 1; text = text[2:] {
		units = append(units, binary.LittleEndian.Uint16(text))
	}
	return string(utf16.Decode(units)), nil
}

func appendOption(to []byte, id byte, length, offset int) []byte {
	to = binary.LittleEndian.AppendUint32(append(to, id), uint32(length))
	return binary.LittleEndian.AppendUint32(to, uint32(offset))
}

func ucs2(text string) (encoded []byte) {
	for _, unit := range utf16.Encode([]rune(text)) {
		encoded = binary.LittleEndian.AppendUint16(encoded, unit)
	}
	return encoded
}
