package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/internal/callout"
)

// Timing of the fetches of a key set.
const (
	keysFresh    = 15 * time.Minute               // used without a fetch; a withdrawn key is trusted this long
	keysUsable   = 24 * time.Hour                 // used while fetches fail
	keysInterval = 30 * time.Second               // between two fetches
	keysTimeout  = callout.Patience + time.Second // of a caller; longer than an answer may take to begin
	maxKeysBytes = 1 << 20
)

// keySet caches the keys that an issuer publishes. It fetches them when there are none, when they are not fresh, and when a
// token names a key that it lacks, because the issuer may use a new one. Tokens with invented key ids cause at most one
// fetch per keysInterval.
//
// A library does not replace it: the HTTP storage of jwkset reads the answer without a limit, by encoding/json, which
// accepts duplicate members, and refreshes it on a timer whether tokens arrive or not.
type keySet struct {
	endpoint *callout.Endpoint
	now      func() time.Time
	log      *slog.Logger

	mu       sync.Mutex
	keys     []publicKey
	fetched  time.Time     // time of the last successful fetch
	tried    time.Time     // time of the last fetch
	fetching chan struct{} // closed at the end of the running fetch; nil: none is running
}

// publicKey is one key of a set.
type publicKey struct {
	id         string
	key        any
	algorithms []string
}

func newKeySet(cfg Config) (*keySet, error) {
	endpoint, err := callout.New(cfg.KeysURL, cfg.Client)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	return &keySet{endpoint: endpoint, now: cfg.Now, log: cfg.Log}, nil
}

func (s *keySet) algorithms() []string { return publicKeyAlgorithms }

func (s *keySet) find(ctx context.Context, keyID, algorithm string) (any, error) {
	timeout := time.NewTimer(keysTimeout)
	defer timeout.Stop()
	for {
		key, wait, fetch := s.look(keyID, algorithm)
		if fetch {
			go s.fetch(context.WithoutCancel(ctx))
		}
		switch {
		case wait != nil:
			select {
			case <-wait:
			case <-timeout.C: // an older key serves until the fetch ends
				if key := s.cached(keyID, algorithm); key != nil {
					return key, nil
				}
				return nil, access.ErrUnavailable
			case <-ctx.Done():
				return nil, access.ErrUnavailable
			}
		case key == nil && s.empty():
			return nil, access.ErrUnavailable
		case key == nil:
			return nil, errUnknownKey
		default:
			return key, nil
		}
	}
}

// look returns a cached key. If wait is not nil, the caller has to wait for it and look again; fetch reports whether it has
// to start the fetch.
func (s *keySet) look(keyID, algorithm string) (key any, wait <-chan struct{}, fetch bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	age := now.Sub(s.fetched)
	if age >= keysUsable {
		s.keys = nil
	}
	key = choose(s.keys, keyID, algorithm)
	switch {
	case key != nil && age < keysFresh:
		return key, nil, false
	case s.fetching != nil && key != nil:
		return key, nil, false // serves until the fetch ends
	case s.fetching != nil:
		return nil, s.fetching, false
	case now.Sub(s.tried) < keysInterval:
		return key, nil, false
	}
	s.tried, s.fetching = now, make(chan struct{})
	return nil, s.fetching, true
}

func (s *keySet) cached(keyID, algorithm string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return choose(s.keys, keyID, algorithm)
}

func (s *keySet) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys) == 0
}

// choose returns the key with an id. For a token without an id it returns the only key for the algorithm.
func choose(keys []publicKey, keyID, algorithm string) any {
	var found []any
	for _, k := range keys {
		if slices.Contains(k.algorithms, algorithm) && (keyID == "" || k.id == keyID) {
			found = append(found, k.key)
		}
	}
	if len(found) != 1 {
		return nil // with two keys, the id is ambiguous
	}
	return found[0]
}

// fetch downloads the keys. All callers share it, so it outlives the request that started it.
func (s *keySet) fetch(ctx context.Context) {
	keys, err := s.download(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.log.Warn("the key set for tokens cannot be fetched", "error", err)
	} else {
		s.keys, s.fetched = keys, s.now()
	}
	close(s.fetching)
	s.fetching = nil
}

func (s *keySet) download(ctx context.Context) ([]publicKey, error) {
	status, text, err := s.endpoint.Get(ctx, callout.Request{
		Accept: "application/jwk-set+json, application/json", MaxBytes: maxKeysBytes,
	})
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, callout.StatusError(status)
	}
	return parseKeySet(text)
}

// parseKeySet returns the keys of a set (RFC 7517) that can sign tokens. It skips other keys, of unknown kinds or for
// encryption. Member names are exact, and a duplicate member makes the set invalid.
func parseKeySet(text []byte) ([]publicKey, error) {
	set, err := parseObject(text)
	if err != nil {
		return nil, fmt.Errorf("it is not a key set: %w", err)
	}
	m := members{of: set}
	var keys []publicKey
	for _, v := range m.list("keys") {
		if k, ok := parseKey(v); ok {
			keys = append(keys, k)
		}
	}
	if m.err != nil {
		return nil, fmt.Errorf("it is not a key set: %w", m.err)
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no key that tokens can be signed with")
	}
	return keys, nil
}

// parseKey reads one key; ok is false for one that cannot be used. It reads the public parts only, and no certificates.
func parseKey(v tree.Value) (k publicKey, ok bool) {
	o, ok := v.(*tree.Object)
	if !ok {
		return k, false
	}
	m := members{of: o}
	marshal := jwkset.JWKMarshal{
		KTY: jwkset.KTY(m.text("kty")), CRV: jwkset.CRV(m.text("crv")), KID: m.text("kid"),
		N: m.text("n"), E: m.text("e"), X: m.text("x"), Y: m.text("y"),
	}
	use, algorithm := m.text("use"), m.text("alg")
	purposes := m.list("key_ops")
	if m.err != nil || use != "" && use != "sig" || len(purposes) > 0 && !slices.Contains(purposes, tree.Value(tree.String("verify"))) {
		return k, false
	}
	jwk, err := jwkset.NewJWKFromMarshal(marshal, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return k, false
	}
	k = publicKey{id: marshal.KID, key: jwk.Key(), algorithms: algorithmsFor(jwk.Key())}
	if algorithm != "" {
		if !slices.Contains(k.algorithms, algorithm) {
			return k, false
		}
		k.algorithms = []string{algorithm}
	}
	return k, len(k.algorithms) > 0
}
