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

// Config configures a Verifier. Exactly one of Secret, PublicKey and KeysURL is required.
type Config struct {
	Secret    []byte // shared with the issuer, at least 32 bytes, for HS256, HS384 and HS512
	PublicKey []byte // of the issuer, in PEM: RSA, ECDSA or Ed25519, or a certificate of one
	KeysURL   string // of the issuer's JSON Web Key Set (RFC 7517); https, or http to this machine

	Issuer   string // required value of `iss`; default: any
	Audience string // required value of `aud`; default: any

	Leeway time.Duration    // tolerated difference of clocks, in `exp`, `nbf` and `iat`; default: 30 s
	Client *http.Client     // its Transport fetches KeysURL; default: a transport of its own
	Now    func() time.Time // default: time.Now
	Log    *slog.Logger     // default: none
}

// DefaultLeeway is the tolerated difference of clocks if Config does not say otherwise.
const DefaultLeeway = 30 * time.Second

// MaxTokenBytes is the length of the longest token that is accepted.
const MaxTokenBytes = 16 << 10

// Verifier authenticates by verifying JSON Web Tokens. It is safe for concurrent use.
type Verifier struct {
	parser *jwt.Parser
	keys   keys
}

// keys holds the trusted keys.
type keys interface {
	// find returns the public key or the secret that a token names. Its error wraps access.ErrUnauthenticated when there is
	// none for the algorithm, and access.ErrUnavailable when the keys are unavailable.
	find(ctx context.Context, keyID, algorithm string) (any, error)
	// algorithms returns the algorithms that find may have a key for.
	algorithms() []string
}

// New returns a Verifier. It sends nothing.
func New(cfg Config) (*Verifier, error) {
	if cfg.Leeway == 0 {
		cfg.Leeway = DefaultLeeway
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
		return nil, errors.New("exactly one of a secret, a public key and the URL of a key set is required")
	case len(cfg.Secret) > 0:
		return newSecret(cfg.Secret)
	case len(cfg.PublicKey) > 0:
		return newPublicKey(cfg.PublicKey)
	default:
		return newKeySet(cfg)
	}
}

// Authenticate returns the user that a token was issued to, with the permissions in it. The error wraps
// access.ErrUnauthenticated or access.ErrUnavailable, and contains nothing of the token.
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

// readHeader returns the key id in a token's header (RFC 7515, section 4), "" if there is none. It refuses duplicate
// members, of which the library would use the last.
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
	if header.Get("crit") != nil { // RFC 7515, section 4.1.11: extensions that must be supported
		return "", refuse("its header has critical extensions")
	}
	m := members{of: header}
	m.text("alg")
	keyID = m.text("kid")
	if m.err != nil {
		return "", refuse("its header is invalid: %s", m.err)
	}
	return keyID, nil
}

var errNoToken = refuse("it is not a JSON Web Token")

func refuse(why string, args ...any) error {
	return fmt.Errorf("%w: %s", access.ErrUnauthenticated, fmt.Sprintf(why, args...))
}

// explain replaces the error of the library, which may repeat the token, with one sentence.
func explain(err error) error {
	if errors.Is(err, access.ErrUnavailable) {
		return access.ErrUnavailable
	}
	if malformed := (*claimsError)(nil); errors.As(err, &malformed) {
		return refuse("its claims are invalid: %s", malformed)
	}
	for _, known := range []struct {
		err error
		why string
	}{
		{jwt.ErrTokenMalformed, "it is not a JSON Web Token"},
		{errUnknownKey, "it is signed with an unknown key"},
		{jwt.ErrTokenUnverifiable, "it cannot be verified with the configured key"},
		{jwt.ErrTokenSignatureInvalid, "its signature is not valid"},
		{jwt.ErrTokenExpired, "it has expired"},
		{jwt.ErrTokenNotValidYet, "it is not valid yet"},
		{jwt.ErrTokenUsedBeforeIssued, "it was issued in the future"},
		{jwt.ErrTokenInvalidIssuer, "it is from another issuer"},
		{jwt.ErrTokenInvalidAudience, "it is for another audience"},
		{jwt.ErrTokenRequiredClaimMissing, "it lacks a required claim"},
	} {
		if errors.Is(err, known.err) {
			return refuse("%s", known.why)
		}
	}
	return access.ErrUnauthenticated
}
