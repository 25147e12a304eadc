package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// SignConfig says how to sign a token. Exactly one of Secret and PrivateKey is required.
type SignConfig struct {
	Secret     []byte // at least 32 bytes; the algorithm is HS256
	PrivateKey []byte // in PEM: RSA (RS256), ECDSA (ES256, ES384 or ES512, by curve) or Ed25519 (EdDSA)
	KeyID      string // `kid` in the header; "": none
}

// Sign returns a token with claims. It is for development and tests: production tokens come from the application or its
// identity provider.
func Sign(cfg SignConfig, claims map[string]any) (string, error) {
	method, key, err := cfg.key()
	if err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	if cfg.KeyID != "" {
		token.Header["kid"] = cfg.KeyID
	}
	signed, err := token.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("signing the token: %w", err)
	}
	return signed, nil
}

func (cfg SignConfig) key() (jwt.SigningMethod, any, error) {
	switch {
	case (len(cfg.Secret) > 0) == (len(cfg.PrivateKey) > 0):
		return nil, nil, errors.New("exactly one of a secret and a private key is required")
	case len(cfg.Secret) > 0:
		_, err := newSecret(cfg.Secret)
		return jwt.SigningMethodHS256, cfg.Secret, err
	}
	key, err := parsePrivateKey(cfg.PrivateKey)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the private key: %w", err)
	}
	algorithms := algorithmsFor(key.Public())
	if algorithms == nil {
		return nil, nil, fmt.Errorf("the private key must be RSA of at least %d bits, ECDSA with P-256, P-384 or P-521, or Ed25519", minRSABits)
	}
	return jwt.GetSigningMethod(algorithms[0]), key, nil
}

func parsePrivateKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("it is not in PEM")
	}
	switch block.Type {
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		switch key := key.(type) {
		case *rsa.PrivateKey:
			return key, nil
		case *ecdsa.PrivateKey:
			return key, nil
		case ed25519.PrivateKey:
			return key, nil
		}
	}
	return nil, fmt.Errorf("its kind %q is not known; it must be PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY", block.Type)
}
