package auth_test

import (
	"crypto"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/auth"
)

// issuer publishes a key set, and can fail.
type issuer struct {
	*httptest.Server
	mu     sync.Mutex
	body   string
	status int
	asked  int
	hold   chan struct{} // answers wait for it, when it is there
	held   chan struct{} // closed when an answer waits
	clock  time.Time
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{status: 200, clock: now}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		i.asked++
		body, status, hold := i.body, i.status, i.hold
		i.mu.Unlock()
		if hold != nil {
			close(i.held)
			<-hold
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(i.Close)
	return i
}

// publishes sets the keys of the set, by id.
func (i *issuer) publishes(t *testing.T, keys map[string]crypto.Signer, more ...string) {
	t.Helper()
	all := more
	for id, key := range keys {
		jwk, err := jwkset.NewJWKFromKey(key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: id, USE: jwkset.UseSig}})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(jwk.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	i.answers(200, `{"keys":[`+strings.Join(all, ",")+`]}`)
}

func (i *issuer) answers(status int, body string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.status, i.body = status, body
}

func (i *issuer) later(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.clock = i.clock.Add(d)
}

func (i *issuer) times() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

func (i *issuer) verifier(t *testing.T) *auth.Verifier {
	return verifier(t, auth.Config{KeysURL: i.URL, Leeway: 100 * time.Hour, Now: func() time.Time {
		i.mu.Lock()
		defer i.mu.Unlock()
		return i.clock
	}})
}

func (i *issuer) wasAsked(t *testing.T, times int) {
	t.Helper()
	if got := i.times(); got != times {
		t.Errorf("the issuer was asked %d times, want %d", got, times)
	}
}

func TestKeySetIsFetchedOnceAndCached(t *testing.T) {
	i, rsaKey, ec, ed := newIssuer(t), newRSA(t, 2048), newECDSA(t, elliptic.P384()), newEd25519(t)
	i.publishes(t, map[string]crypto.Signer{"r": rsaKey, "e": ec, "d": ed},
		`{"kty":"oct","kid":"o","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcy4uLi4"}`, `{"kty":"new"}`, `{"kty":"RSA","kid":"x","use":"enc"}`)
	v := i.verifier(t)
	i.wasAsked(t, 0)
	for range 3 {
		takes(t, v, "RSA", sign(t, jwt.SigningMethodRS256, rsaKey, ann, "kid", "r"))
		takes(t, v, "ECDSA", sign(t, jwt.SigningMethodES384, ec, ann, "kid", "e"))
		takes(t, v, "Ed25519", sign(t, jwt.SigningMethodEdDSA, ed, ann, "kid", "d"))
		takes(t, v, "without an id", sign(t, jwt.SigningMethodEdDSA, ed, ann))
	}
	refuses(t, v, "a secret from the set", sign(t, jwt.SigningMethodHS256, secret, ann, "kid", "o"), "signature is not valid")
	refuses(t, v, "another one's id", sign(t, jwt.SigningMethodEdDSA, ed, ann, "kid", "r"), "unknown key")
	refuses(t, v, "another algorithm", sign(t, jwt.SigningMethodES256, newECDSA(t, elliptic.P256()), ann, "kid", "e"), "unknown key")
	i.wasAsked(t, 1)
}

func TestUnknownKeyIDCausesFetch(t *testing.T) {
	i, old, fresh := newIssuer(t), newEd25519(t), newEd25519(t)
	i.publishes(t, map[string]crypto.Signer{"old": old})
	v := i.verifier(t)
	takes(t, v, "the old key", sign(t, jwt.SigningMethodEdDSA, old, ann, "kid", "old"))
	i.publishes(t, map[string]crypto.Signer{"old": old, "new": fresh})
	i.later(time.Minute)
	takes(t, v, "the new key", sign(t, jwt.SigningMethodEdDSA, fresh, ann, "kid", "new"))
	i.wasAsked(t, 2)
}

func TestWithdrawnKeyIsRefusedOnceSetIsNotFresh(t *testing.T) {
	i, old, fresh := newIssuer(t), newEd25519(t), newEd25519(t)
	i.publishes(t, map[string]crypto.Signer{"old": old})
	v := i.verifier(t)
	token := sign(t, jwt.SigningMethodEdDSA, old, ann, "kid", "old")
	takes(t, v, "the old key", token)
	i.publishes(t, map[string]crypto.Signer{"new": fresh})
	i.later(16 * time.Minute)
	refuses(t, v, "the withdrawn key", token, "unknown key")
}

func TestInventedKeyIDsCauseOneFetchPerInterval(t *testing.T) {
	i, key := newIssuer(t), newEd25519(t)
	i.publishes(t, map[string]crypto.Signer{"k": key})
	v := i.verifier(t)
	for n := range 100 {
		refuses(t, v, "a made-up id", sign(t, jwt.SigningMethodEdDSA, key, ann, "kid", fmt.Sprint(n)), "unknown key")
	}
	i.wasAsked(t, 1)
}

func TestConcurrentTokensCauseOneFetch(t *testing.T) {
	i, key := newIssuer(t), newEd25519(t)
	i.publishes(t, map[string]crypto.Signer{"k": key})
	i.hold, i.held = make(chan struct{}), make(chan struct{})
	v, token := i.verifier(t), sign(t, jwt.SigningMethodEdDSA, key, ann, "kid", "k")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { takes(t, v, "one of many", token) })
	}
	<-i.held
	close(i.hold)
	wg.Wait()
	i.wasAsked(t, 1)
}

// While the issuer is unavailable, a token is neither accepted nor refused.
func TestUnavailableIssuerGivesNoVerdict(t *testing.T) {
	key := newEd25519(t)
	token := sign(t, jwt.SigningMethodEdDSA, key, ann, "kid", "k")
	for what, answer := range map[string]struct {
		status int
		body   string
	}{
		"an error": {500, ""}, "another page": {200, "<html>"}, "no keys": {200, `{"keys":[]}`}, "a redirection": {302, ""},
		"too much": {200, strings.Repeat(" ", 2<<20)}, "useless keys": {200, `{"keys":[{"kty":"oct","k":"AAAA"}]}`},
	} {
		i := newIssuer(t)
		i.answers(answer.status, answer.body)
		v := i.verifier(t)
		for range 3 {
			if identity, err := v.Authenticate(t.Context(), token); !errors.Is(err, access.ErrUnavailable) || errors.Is(err, access.ErrUnauthenticated) || identity.User != "" {
				t.Errorf("%s: %+v, %v", what, identity, err)
			}
		}
		i.wasAsked(t, 1)
		i.publishes(t, map[string]crypto.Signer{"k": key})
		i.later(time.Minute)
		takes(t, v, "after "+what, token)
	}
}

func TestCachedKeysServeForADayWhileIssuerIsUnavailable(t *testing.T) {
	i, key := newIssuer(t), newEd25519(t)
	i.publishes(t, map[string]crypto.Signer{"k": key})
	v, token := i.verifier(t), sign(t, jwt.SigningMethodEdDSA, key, ann, "kid", "k")
	takes(t, v, "a known key", token)
	i.answers(503, "")
	i.later(23 * time.Hour)
	takes(t, v, "a known key of yesterday", token)
	i.later(2 * time.Hour)
	if _, err := v.Authenticate(t.Context(), token); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("a key that nobody has confirmed for a day: %v", err)
	}
}
