// Package asset has the files that the server's pages consist of.
package asset

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
)

// File is a file in memory, for browsers. Its fields must not be changed.
type File struct {
	Type   string // media type
	Policy string // Content-Security-Policy
	ETag   string // of Body and of Gzip, weak
	Body   []byte
	Gzip   []byte // Body, compressed
}

// New returns a file with a media type and a Content-Security-Policy.
func New(mediaType, policy string, body []byte) File {
	sum := sha256.Sum256(body)
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, _ = w.Write(body) // a bytes.Buffer never fails
	_ = w.Close()
	return File{Type: mediaType, Policy: policy, ETag: `"` + hex.EncodeToString(sum[:12]) + `"`, Body: body, Gzip: compressed.Bytes()}
}
