package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pathsync/pathsync/access"
)

// Config is what a Verifier needs: exactly one of Secret, PublicKey and KeysURL. Zero values stand for the defaults
// named.
type Config struct {
	Secret    []byte // shared with the issuer, at least 32 bytes, for HS256, HS384 and HS512
	PublicKey []byte // of the issuer, in PEM: RSA, ECDSA or Ed25519, or a certificate of one
	KeysURL   string // of the issuer's JSON Web Key Set (RFC 7517); https, or http to this machine

	Issuer   string // that `iss` has to name; default: any
	Audience string // that `aud` has to name; default: any

	Leeway time.Duration    // for clocks that differ, in `exp`, `nbf` and `iat`; 30 s
	Client *http.Client     // asks KeysURL; default: one of its own
	Now    func() time.Time // default: time.Now
	Log    *slog.Logger     // default: none
}

// MaxTokenBytes is the longest token that is looked at.
const MaxTokenBytes = 16 << 10

// Verifier verifies tokens. It may be used by many goroutines.
type Verifier struct {
	parser *jwt.Parser
	keys   keys
}

// keys finds the key that a token says it is signed with, among those that are trusted.
type keys interface {
	// find returns a public key or a secret for the algorithm. Its error wraps access.ErrUnauthenticated when there is no
	// such key, and access.ErrUnavailable when that cannot be known now.
	find(ctx context.Context, keyID, algorithm string) (any, error)
	// algorithms are those that find may have a key for.
	algorithms() []string
}

// New makes a verifier. It asks nobody for anything yet.
func New(cfg Config) (*Verifier, error) {
	if cfg.Leeway == 0 {
		cfg.Leeway = 30 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	keys, err := cfg.keys()
	if err != nil {
		return nil, err
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(keys.algorithms()), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding(),
		jwt.WithLeeway(cfg.Leeway), jwt.WithTimeFunc(cfg.Now),
	}
	if cfg.Issuer != "" {
		options = append(options, jwt.WithIssuer(cfg.Issuer))
	}
	if cfg.Audience != "" {
		options = append(options, jwt.WithAudience(cfg.Audience))
	}
	return &Verifier{parser: jwt.NewParser(options...), keys: keys}, nil
}

func (cfg Config) keys() (keys, error) {
	given := 0
	for _, is := range []bool{len(cfg.Secret) > 0, len(cfg.PublicKey) > 0, cfg.KeysURL != ""} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, errors.New("tokens are verified with exactly one of a secret, a public key and the URL of a key set")
	case len(cfg.Secret) > 0:
		return newSecret(cfg.Secret)
	case len(cfg.PublicKey) > 0:
		return newPublicKey(cfg.PublicKey)
	default:
		return newKeySet(cfg)
	}
}

// Authenticate returns who a token was issued to, and what that user may do. Its error wraps access.ErrUnauthenticated or
// access.ErrUnavailable, and its text is fit for the sender: there is nothing of the token in it.
func (v *Verifier) Authenticate(ctx context.Context, token string) (access.Identity, error) {
	if len(token) > MaxTokenBytes {
		return access.Identity{}, refuse("it is longer than %d bytes", MaxTokenBytes)
	}
	keyID, err := readHeader(token)
	if err != nil {
		return access.Identity{}, err
	}
	var c claims
	_, err = v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		return v.keys.find(ctx, keyID, t.Method.Alg())
	})
	if err != nil {
		return access.Identity{}, explain(err)
	}
	return c.identity()
}

// readHeader returns the id of the key in a token's header (RFC 7515, section 4); "" when there is none. The library reads
// the header with encoding/json, which takes the last of duplicate members; such a header is refused here.
func readHeader(token string) (keyID string, err error) {
	encoded, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", errNoToken
	}
	header, err := parseObject(text)
	if err != nil {
		return "", errNoToken
	}
	if header.Get("crit") != nil { // RFC 7515, section 4.1.11: extensions that are to be understood
		return "", refuse("its header has critical extensions")
	}
	m := members{of: header}
	m.text("alg")
	keyID = m.text("kid")
	if m.err != nil {
		return "", refuse("its header is not as it should be: %s", m.err)
	}
	return keyID, nil
}

var errNoToken = refuse("it is not a JSON Web Token")

func refuse(why string, args ...any) error {
	return fmt.Errorf("%w: %s", access.ErrUnauthenticated, fmt.Sprintf(why, args...))
}

// explain says in our words, and in one sentence, what the library finds wrong. Its own words may repeat the token.
func explain(err error) error {
	if errors.Is(err, access.ErrUnavailable) {
		return access.ErrUnavailable
	}
	if malformed := (*claimsError)(nil); errors.As(err, &malformed) {
		return refuse("its claims are not as they should be: %s", malformed)
	}
	for _, known := range []struct {
		err error
		why string
	}{
		{jwt.ErrTokenMalformed, "it is not a JSON Web Token"},
		{errUnknownKey, "it is signed with a key that is not known here"},
		{jwt.ErrTokenUnverifiable, "it cannot be verified with the key that is used here"},
		{jwt.ErrTokenSignatureInvalid, "its signature is not valid"},
		{jwt.ErrTokenExpired, "it has expired"},
		{jwt.ErrTokenNotValidYet, "it is not valid yet"},
		{jwt.ErrTokenUsedBeforeIssued, "it was issued in the future"},
		{jwt.ErrTokenInvalidIssuer, "it is of another issuer"},
		{jwt.ErrTokenInvalidAudience, "it is for another audience"},
		{jwt.ErrTokenRequiredClaimMissing, "it lacks a claim that is required"},
	} {
		if errors.Is(err, known.err) {
			return refuse("%s", known.why)
		}
	}
	return access.ErrUnauthenticated
}
