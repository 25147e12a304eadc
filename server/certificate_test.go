package server

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/internal/testkit"
)

func TestCertificateIsReloadedWhenBothFilesAreReplaced(t *testing.T) {
	first, second := testkit.NewPair(t), testkit.NewPair(t)
	at := testkit.NewPairFiles(t, first)
	var log bytes.Buffer
	now := time.Now()
	c, err := loadCertificate(at.Cert, at.Key, slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	serves := func(want testkit.Pair, when string) {
		t.Helper()
		got, err := c.get(&tls.ClientHelloInfo{})
		if err != nil || !got.Leaf.Equal(want.Leaf) {
			t.Errorf("%s: certificate %v, want %v, %v", when, got.Leaf.SerialNumber, want.Leaf.SerialNumber, err)
		}
	}
	serves(first, "at first")
	at.Write(at.Cert, second.Cert)
	serves(first, "before anybody has looked")
	now = now.Add(checkInterval)
	serves(first, "with the key still to come")
	serves(first, "with the key still to come")
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, &log)
	}
	at.Write(at.Key, second.Key)
	now = now.Add(checkInterval)
	serves(second, "when both are there")
	if err := os.Remove(at.Cert); err != nil {
		t.Fatal(err)
	}
	now = now.Add(checkInterval)
	serves(second, "when the file is gone")
	now = now.Add(checkInterval)
	serves(second, "when the file is gone")
	if n := strings.Count(log.String(), "level=WARN"); n != 2 {
		t.Errorf("%d warnings:\n%s", n, &log)
	}
	at.Write(at.Cert, first.Cert)
	at.Write(at.Key, first.Key)
	now = now.Add(checkInterval)
	serves(first, "when it is back")
}

// A file that was read while it was written, or whose permissions change, has the same version afterwards.
func TestCertificateThatFailedToLoadIsTriedAgainWithSameVersion(t *testing.T) {
	first, second := testkit.NewPair(t), testkit.NewPair(t)
	at := testkit.NewPairFiles(t, first)
	var log bytes.Buffer
	now := time.Now()
	c, err := loadCertificate(at.Cert, at.Key, slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	at.Write(at.Cert, second.Cert)
	at.Write(at.Key, make([]byte, len(second.Key)))
	written, err := os.Stat(at.Key)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		now = now.Add(checkInterval)
		if got, err := c.get(&tls.ClientHelloInfo{}); err != nil || !got.Leaf.Equal(first.Leaf) {
			t.Errorf("certificate %v, %v", got.Leaf.SerialNumber, err)
		}
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, &log)
	}
	at.Write(at.Key, second.Key)
	if err := os.Chtimes(at.Key, written.ModTime(), written.ModTime()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(checkInterval)
	if got, err := c.get(&tls.ClientHelloInfo{}); err != nil || !got.Leaf.Equal(second.Leaf) {
		t.Errorf("certificate %v, want %v, %v", got.Leaf.SerialNumber, second.Leaf.SerialNumber, err)
	}
}

func TestCertificateWithCarriageReturnsAndByteOrderMarkIsRead(t *testing.T) {
	windows := func(text []byte) []byte {
		return []byte(byteOrderMark + strings.ReplaceAll(string(text), "\n", "\r\n"))
	}
	p := testkit.NewPair(t)
	p.Cert, p.Key = windows(p.Cert), windows(p.Key)
	place := testkit.NewPairFiles(t, p)
	if _, err := loadPair(place.Cert, place.Key); err != nil {
		t.Error(err)
	}
}
