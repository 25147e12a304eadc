package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/auth"
)

var (
	now    = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	secret = []byte("a secret of thirty-two bytes....")
	ann    = jwt.MapClaims{"sub": "ann", "exp": now.Add(time.Hour).Unix(), "pathsync": map[string]any{
		"rooms": []any{map[string]any{"match": "board-*", "read": true}},
	}}
)

// but returns the claims of ann with changes; nil removes a claim.
func but(changes jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{}
	for name, value := range ann {
		c[name] = value
	}
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

func sign(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims, header ...string) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	for i := 0; i < len(header); i += 2 {
		token.Header[header[i]] = header[i+1]
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func verifier(t *testing.T, cfg auth.Config) *auth.Verifier {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return now }
	}
	v, err := auth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// takes expects a valid token of ann.
func takes(t *testing.T, v *auth.Verifier, what, token string) {
	t.Helper()
	identity, err := v.Authenticate(t.Context(), token)
	if err != nil || identity.User != "ann" || !identity.Expires.Equal(now.Add(time.Hour)) ||
		!identity.Allows(access.Read, "board-7") || identity.Allows(access.Write, "board-7") || identity.Allows(access.Read, "wall") {
		t.Errorf("%s: %+v, %v", what, identity, err)
	}
}

// refuses expects an invalid token, with a reason.
func refuses(t *testing.T, v *auth.Verifier, what, token, why string) {
	t.Helper()
	identity, err := v.Authenticate(t.Context(), token)
	if !errors.Is(err, access.ErrUnauthenticated) || identity.User != "" || len(identity.Grants) > 0 {
		t.Fatalf("%s: %+v, %v", what, identity, err)
	}
	if !strings.Contains(err.Error(), why) {
		t.Errorf("%s is refused because %q, want %q", what, err, why)
	}
	for _, part := range strings.Split(token, ".") {
		if len(part) > 8 && strings.Contains(err.Error(), part) {
			t.Errorf("%s: the reason repeats the token: %q", what, err)
		}
	}
}

func newRSA(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newECDSA(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newEd25519(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func public(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func TestTokenIsAcceptedWithEveryAlgorithmOfItsKey(t *testing.T) {
	shared := verifier(t, auth.Config{Secret: secret})
	for _, method := range []jwt.SigningMethod{jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512} {
		takes(t, shared, method.Alg(), sign(t, method, secret, ann))
	}
	for _, c := range []struct {
		key     crypto.Signer
		methods []jwt.SigningMethod
	}{
		{newRSA(t, 2048), []jwt.SigningMethod{jwt.SigningMethodRS256, jwt.SigningMethodRS384, jwt.SigningMethodRS512,
			jwt.SigningMethodPS256, jwt.SigningMethodPS384, jwt.SigningMethodPS512}},
		{newECDSA(t, elliptic.P256()), []jwt.SigningMethod{jwt.SigningMethodES256}},
		{newECDSA(t, elliptic.P384()), []jwt.SigningMethod{jwt.SigningMethodES384}},
		{newECDSA(t, elliptic.P521()), []jwt.SigningMethod{jwt.SigningMethodES512}},
		{newEd25519(t), []jwt.SigningMethod{jwt.SigningMethodEdDSA}},
	} {
		v := verifier(t, auth.Config{PublicKey: public(t, c.key)})
		for _, method := range c.methods {
			takes(t, v, method.Alg(), sign(t, method, c.key, ann, "kid", "whatever"))
		}
	}
}

func TestTokenWithoutSignatureIsRefused(t *testing.T) {
	for name, v := range map[string]*auth.Verifier{
		"secret":     verifier(t, auth.Config{Secret: secret}),
		"public key": verifier(t, auth.Config{PublicKey: public(t, newEd25519(t))}),
	} {
		none := sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, ann)
		refuses(t, v, name, none, "signature is not valid")
		for _, alg := range []string{"None", "NONE", "", "hs256"} {
			parts := strings.Split(none, ".")
			parts[0] = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + alg + `","typ":"JWT"}`))
			refuses(t, v, name+" "+alg, strings.Join(parts, "."), "")
		}
		parts := strings.Split(sign(t, jwt.SigningMethodHS256, secret, ann), ".")
		refuses(t, v, name+", cut off", parts[0]+"."+parts[1]+".", "not valid")
	}
}

// The classic attack uses the public key, which everybody knows, as the secret of an HMAC.
func TestTokenSignedByHMACWithPublicKeyIsRefused(t *testing.T) {
	key := newRSA(t, 2048)
	text := public(t, key)
	v := verifier(t, auth.Config{PublicKey: text})
	block, _ := pem.Decode(text)
	for name, secret := range map[string][]byte{"PEM": text, "PEM, trimmed": []byte(strings.TrimSpace(string(text))), "DER": block.Bytes, "N": key.N.Bytes()} {
		for _, method := range []jwt.SigningMethod{jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512} {
			refuses(t, v, name, sign(t, method, secret, ann), "signature is not valid")
		}
	}
	if _, err := auth.New(auth.Config{Secret: text}); err == nil {
		t.Error("a public key is taken as a secret")
	}
}

func TestTokenOfAnotherKeyIsRefused(t *testing.T) {
	refuses(t, verifier(t, auth.Config{Secret: secret}), "another secret",
		sign(t, jwt.SigningMethodHS256, []byte("another secret of that length..."), ann), "signature is not valid")
	rsaKey, ec := newRSA(t, 2048), newECDSA(t, elliptic.P256())
	v := verifier(t, auth.Config{PublicKey: public(t, rsaKey)})
	refuses(t, v, "another RSA key", sign(t, jwt.SigningMethodRS256, newRSA(t, 2048), ann), "signature is not valid")
	refuses(t, v, "an ECDSA key", sign(t, jwt.SigningMethodES256, ec, ann), "signature is not valid")
	good := sign(t, jwt.SigningMethodRS256, rsaKey, ann)
	parts := strings.Split(good, ".")
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"root","exp":9999999999}`))
	refuses(t, v, "other claims", strings.Join(parts, "."), "signature is not valid")
}

func TestTokenIsValidOnlyInItsPeriod(t *testing.T) {
	v := verifier(t, auth.Config{Secret: secret})
	token := func(changes jwt.MapClaims) string { return sign(t, jwt.SigningMethodHS256, secret, but(changes)) }
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	refuses(t, v, "expired", token(jwt.MapClaims{"exp": at(-31 * time.Second)}), "has expired")
	refuses(t, v, "long expired", token(jwt.MapClaims{"exp": 0}), "has expired")
	refuses(t, v, "endless", token(jwt.MapClaims{"exp": nil}), "lacks a required claim")
	refuses(t, v, "not yet", token(jwt.MapClaims{"nbf": at(31 * time.Second)}), "not valid yet")
	refuses(t, v, "from the future", token(jwt.MapClaims{"iat": at(31 * time.Second)}), "in the future")
	takes(t, v, "clocks differ", token(jwt.MapClaims{"nbf": at(29 * time.Second), "iat": at(29 * time.Second)}))
	if _, err := v.Authenticate(t.Context(), token(jwt.MapClaims{"exp": at(-29 * time.Second)})); err != nil {
		t.Errorf("expired by another clock: %v", err)
	}
	for _, odd := range []any{"tomorrow", true, -1, []int{1}} {
		refuses(t, v, "an odd exp", token(jwt.MapClaims{"exp": odd}), "")
	}
}

func TestTokenIsValidOnlyForIssuerAndAudience(t *testing.T) {
	v := verifier(t, auth.Config{Secret: secret, Issuer: "https://id.example.com", Audience: "pathsync"})
	token := func(iss, aud any) string {
		return sign(t, jwt.SigningMethodHS256, secret, but(jwt.MapClaims{"iss": iss, "aud": aud}))
	}
	takes(t, v, "ours", token("https://id.example.com", "pathsync"))
	takes(t, v, "one of several", token("https://id.example.com", []string{"shop", "pathsync"}))
	refuses(t, v, "another issuer", token("https://id.example.com.evil.test", "pathsync"), "another issuer")
	refuses(t, v, "another audience", token("https://id.example.com", "shop"), "another audience")
	refuses(t, v, "no issuer", token(nil, "pathsync"), "")
	refuses(t, v, "no audience", token("https://id.example.com", nil), "")
}

func TestTokenWithoutUserIsRefused(t *testing.T) {
	v := verifier(t, auth.Config{Secret: secret})
	for _, sub := range []any{nil, "", "a\nb", "\x1b[31m", "a\x00", strings.Repeat("a", 256)} {
		refuses(t, v, "an odd sub", sign(t, jwt.SigningMethodHS256, secret, but(jwt.MapClaims{"sub": sub})), "sub")
	}
	refuses(t, v, "a sub that is no text", sign(t, jwt.SigningMethodHS256, secret, but(jwt.MapClaims{"sub": 7})), "")
}

func TestMalformedTokenIsRefused(t *testing.T) {
	v := verifier(t, auth.Config{Secret: secret})
	good := sign(t, jwt.SigningMethodHS256, secret, ann)
	for _, text := range []string{
		"", " ", "x", "..", "a.b.c", strings.Repeat(".", 1000), good + ".", good + " ", " " + good, good + "=", good[1:], strings.Repeat("a", 20<<10),
		"eyJhbGciOiJIUzI1NiJ9.e30", "\xff\xfe.\x00.\x00",
	} {
		refuses(t, v, "no token", text, "")
	}
	refuses(t, v, "an extension", sign(t, jwt.SigningMethodHS256, secret, ann, "crit", "exp"), "")
}

func TestWeakOrMissingKeyIsRefused(t *testing.T) {
	weak := newRSA(t, 1024)
	private, err := x509.MarshalPKCS8PrivateKey(newEd25519(t))
	if err != nil {
		t.Fatal(err)
	}
	two := append(public(t, newEd25519(t)), public(t, newEd25519(t))...)
	for name, cfg := range map[string]auth.Config{
		"nothing":         {},
		"two ways":        {Secret: secret, PublicKey: public(t, newEd25519(t))},
		"a short secret":  {Secret: []byte("hunter2")},
		"RSA of 1024":     {PublicKey: public(t, weak)},
		"P-224":           {PublicKey: public(t, newECDSA(t, elliptic.P224()))},
		"a private key":   {PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})},
		"two keys":        {PublicKey: two},
		"no PEM":          {PublicKey: []byte("ssh-ed25519 AAAA")},
		"damaged":         {PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})},
		"http elsewhere":  {KeysURL: "http://id.example.com/keys"},
		"a file":          {KeysURL: "file:///etc/keys"},
		"no URL":          {KeysURL: "id.example.com"},
		"localhost's foe": {KeysURL: "http://localhost.example.com/keys"},
	} {
		if v, err := auth.New(cfg); err == nil || v != nil {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
}
