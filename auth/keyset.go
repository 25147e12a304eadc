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
	"github.com/pathsync/pathsync/trust"
)

// How often a key set is asked for.
const (
	keysFresh    = 15 * time.Minute // so long it is taken as it is; a key that was withdrawn is trusted no longer
	keysUsable   = 24 * time.Hour   // so long it is used while there is no newer one to be had
	keysPause    = 30 * time.Second // between two attempts, whatever tokens come
	keysPatience = 6 * time.Second  // of a request; longer than an answer may take to begin
	maxKeysBytes = 1 << 20
)

// keySet is the keys that an issuer publishes. They are fetched when they are needed: when there are none yet, when they
// are no longer fresh, and when a token names one that is not among them, because the issuer has begun to use a new
// one. Whoever sends tokens with made-up key ids causes one fetch in keysPause.
type keySet struct {
	url    string
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	mu       sync.Mutex
	keys     []publicKey
	fetched  time.Time     // when keys was
	tried    time.Time     // when it was last asked for
	fetching chan struct{} // closed when the fetch that is under way has ended; nil: none is
}

// publicKey is one key of a set.
type publicKey struct {
	id         string
	key        any
	algorithms []string
}

func newKeySet(cfg Config) (*keySet, error) {
	if !trust.Trustworthy(cfg.KeysURL) {
		return nil, errors.New("the URL of the key set has to begin with https://")
	}
	return &keySet{url: cfg.KeysURL, client: trust.Client(cfg.Client), now: cfg.Now, log: cfg.Log}, nil
}

func (s *keySet) algorithms() []string { return publicKeyAlgorithms }

func (s *keySet) find(ctx context.Context, keyID, algorithm string) (any, error) {
	patience := time.NewTimer(keysPatience)
	defer patience.Stop()
	for {
		key, wait, fetch := s.look(keyID, algorithm)
		if fetch {
			go s.fetch(context.WithoutCancel(ctx))
		}
		switch {
		case wait != nil:
			select {
			case <-wait:
			case <-patience.C: // an older key will do until the newer ones are here
				if key, _, _ := s.look(keyID, algorithm); key != nil {
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

// look finds a key among those that are there. When that does not settle it, it says what to wait for before the next look,
// and whether that is a fetch which the caller has to begin.
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
		return key, nil, false // it will do until the newer ones are here
	case s.fetching != nil:
		return nil, s.fetching, false
	case now.Sub(s.tried) < keysPause:
		return key, nil, false
	}
	s.tried, s.fetching = now, make(chan struct{})
	return nil, s.fetching, true
}

func (s *keySet) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys) == 0
}

// choose returns the key with an id. A token without one may be signed with the only key that fits.
func choose(keys []publicKey, keyID, algorithm string) any {
	var found []any
	for _, k := range keys {
		if slices.Contains(k.algorithms, algorithm) && (keyID == "" || k.id == keyID) {
			found = append(found, k.key)
		}
	}
	if len(found) != 1 {
		return nil // two keys with one id are as good as none
	}
	return found[0]
}

// fetch asks for the keys. It is done for everybody, so it does not end with the request that happens to need it, but with
// the answer or the limits of trust.Ask.
func (s *keySet) fetch(ctx context.Context) {
	keys, err := s.download(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.log.Warn("the key set for tokens cannot be read", "error", err)
	} else {
		s.keys, s.fetched = keys, s.now()
	}
	close(s.fetching)
	s.fetching = nil
}

func (s *keySet) download(ctx context.Context) ([]publicKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := trust.Ask(s.client, req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", resp.Status)
	}
	text, err := trust.Body(resp, maxKeysBytes)
	if err != nil {
		return nil, err
	}
	return parseKeySet(text)
}

// parseKeySet reads the keys that tokens can be signed with (RFC 7517). Other keys, of kinds that are not known or for
// encryption, may stand beside them. Members are read by their exact names, and a set with a duplicate member is refused.
func parseKeySet(text []byte) ([]publicKey, error) {
	set, err := parseObject(text)
	if err != nil {
		return nil, fmt.Errorf("it is no key set: %w", err)
	}
	m := members{of: set}
	var keys []publicKey
	for _, v := range m.list("keys") {
		if k, ok := parseKey(v); ok {
			keys = append(keys, k)
		}
	}
	if m.err != nil {
		return nil, fmt.Errorf("it is no key set: %w", m.err)
	}
	if len(keys) == 0 {
		return nil, errors.New("it has no key that tokens can be signed with")
	}
	return keys, nil
}

// parseKey reads one key; ok is false for one that is not used. Only the public parts are read: certificates are nothing
// that we go by.
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
	k = publicKey{id: marshal.KID, key: jwk.Key(), algorithms: fitting(jwk.Key())}
	if algorithm != "" {
		if !slices.Contains(k.algorithms, algorithm) {
			return k, false
		}
		k.algorithms = []string{algorithm}
	}
	return k, len(k.algorithms) > 0
}
