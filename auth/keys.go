package auth

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/pathsync/pathsync/access"
)

// Smallest keys, from NIST SP 800-107 and 800-131A.
const (
	minSecretBytes = 32
	minRSABits     = 2048
)

var errUnknownKey = fmt.Errorf("%w: no key matches", access.ErrUnauthenticated)

var hmacs = []string{"HS256", "HS384", "HS512"}

// publicKeyAlgorithms are the algorithms of all supported kinds of public keys.
var publicKeyAlgorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

// algorithmsFor returns the algorithms that a public key verifies. It returns nil for a key that is too weak or of an
// unknown kind, which is then never used.
func algorithmsFor(key any) []string {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSABits {
			return publicKeyAlgorithms[:6]
		}
	case *ecdsa.PublicKey:
		switch key.Params().BitSize {
		case 256:
			return []string{"ES256"}
		case 384:
			return []string{"ES384"}
		case 521:
			return []string{"ES512"}
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}
	}
	return nil
}

// oneKey is a single key. It ignores the key id of a token.
type oneKey struct {
	key  any
	algs []string
}

func (k oneKey) algorithms() []string { return k.algs }

func (k oneKey) find(_ context.Context, _, algorithm string) (any, error) {
	if !slices.Contains(k.algs, algorithm) {
		return nil, errUnknownKey
	}
	return k.key, nil
}

func newSecret(secret []byte) (keys, error) {
	if len(secret) < minSecretBytes {
		return nil, fmt.Errorf("the secret for tokens must have at least %d bytes", minSecretBytes)
	}
	if bytes.HasPrefix(bytes.TrimSpace(secret), []byte("-----BEGIN ")) {
		return nil, errors.New("the secret for tokens is a PEM key: everybody who knows the public key could sign tokens with it")
	}
	return oneKey{slices.Clone(secret), hmacs}, nil
}

func newPublicKey(text []byte) (keys, error) {
	block, rest := pem.Decode(bytes.TrimPrefix(text, []byte("\ufeff"))) // a byte order mark
	if block == nil {
		return nil, errors.New("the key for tokens is not in PEM")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("the file of the key for tokens contains more than one key")
	}
	key, err := parsePublicKey(block)
	if err != nil {
		return nil, fmt.Errorf("reading the key for tokens: %w", err)
	}
	algorithms := algorithmsFor(key)
	if algorithms == nil {
		return nil, fmt.Errorf("the key for tokens must be RSA of at least %d bits, ECDSA with P-256, P-384 or P-521, or Ed25519", minRSABits)
	}
	return oneKey{key, algorithms}, nil
}

func parsePublicKey(block *pem.Block) (any, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	default:
		return nil, fmt.Errorf("it is a %s, and must be a PUBLIC KEY", block.Type)
	}
}
