package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/internal/callout"
)

// ApplicationConfig configures an Application.
type ApplicationConfig struct {
	URL string // of the application's endpoint; https, or http to this machine; required

	Fresh  time.Duration    // how long a verdict is cached; default: 30 s
	Client *http.Client     // its Transport sends the requests; default: a transport of its own
	Now    func() time.Time // default: time.Now
	Log    *slog.Logger     // default: none
}

// Limits of the requests to the application.
const (
	maxVerdicts     = 10_000 // in the cache
	maxRequests     = 64     // at a time
	maxVerdictBytes = 256 << 10
	queueTimeout    = 5 * time.Second // wait for one of the maxRequests
)

// verdictTimeout limits the wait of a caller. It is longer than an answer may take to begin; a large answer that arrives
// later is cached.
const verdictTimeout = callout.Patience + time.Second

// Application authenticates by asking the application about a token. It is for tokens other than JSON Web Tokens, such as
// session ids, and for permissions that can change every half a minute. It sends a GET request with the token in the
// header Authorization. The answer is one of
//
//	200 with the payload that a JSON Web Token would have: sub, exp and pathsync
//	401 or 403 for an invalid token
//
// Anything else is no verdict and grants nothing. An Application is safe for concurrent use.
type Application struct {
	endpoint *callout.Endpoint
	fresh    time.Duration
	now      func() time.Time
	log      *slog.Logger

	requests singleflight.Group
	slots    chan struct{} // holds a value for each running request

	verdicts *lru.Cache[tokenHash, verdict]
}

// tokenHash is the key of the cache. A memory dump then contains no tokens.
type tokenHash [sha256.Size]byte

// verdict is an answer of the application.
type verdict struct {
	identity access.Identity
	err      error
	until    time.Time // the cache does not return it later
}

// NewApplication returns an Application. It sends nothing.
func NewApplication(cfg ApplicationConfig) (*Application, error) {
	endpoint, err := callout.New(cfg.URL, cfg.Client)
	if err != nil {
		return nil, err
	}
	verdicts, err := lru.New[tokenHash, verdict](maxVerdicts)
	if err != nil {
		return nil, err
	}
	a := &Application{
		endpoint: endpoint, fresh: cfg.Fresh, now: cfg.Now, log: cfg.Log,
		slots: make(chan struct{}, maxRequests), verdicts: verdicts,
	}
	if a.fresh == 0 {
		a.fresh = 30 * time.Second
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	return a, nil
}

// Authenticate returns the identity that the application reports for a token. Concurrent calls with the same token share one
// request. The error wraps access.ErrUnauthenticated or access.ErrUnavailable.
func (a *Application) Authenticate(ctx context.Context, token string) (access.Identity, error) {
	if token == "" || len(token) > MaxTokenBytes || strings.ContainsFunc(token, isNotVisible) {
		return access.Identity{}, access.ErrUnauthenticated
	}
	key := tokenHash(sha256.Sum256([]byte(token)))
	if v, ok := a.verdicts.Get(key); ok && a.now().Before(v.until) {
		return v.identity, v.err
	}
	result := a.requests.DoChan(string(key[:]), func() (any, error) {
		v := a.request(context.WithoutCancel(ctx), token)
		if !errors.Is(v.err, access.ErrUnavailable) {
			a.cache(key, v)
		}
		return v, nil
	})
	timeout := time.NewTimer(verdictTimeout)
	defer timeout.Stop()
	select {
	case r := <-result:
		v := r.Val.(verdict)
		return v.identity, v.err
	case <-timeout.C:
	case <-ctx.Done():
	}
	return access.Identity{}, access.ErrUnavailable
}

// isNotVisible reports whether a character cannot be part of a token (RFC 6750, section 2.1) or would break a header.
func isNotVisible(r rune) bool { return r <= ' ' || r > '~' }

// cache stores a verdict until it is no longer fresh or the identity expires.
func (a *Application) cache(key tokenHash, v verdict) {
	v.until = a.now().Add(a.fresh)
	if v.err == nil && v.identity.Expires.Before(v.until) {
		v.until = v.identity.Expires
	}
	a.verdicts.Add(key, v)
}

// request waits for a slot and asks the application.
func (a *Application) request(ctx context.Context, token string) verdict {
	timeout := time.NewTimer(queueTimeout)
	defer timeout.Stop()
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-timeout.C:
		return verdict{err: access.ErrUnavailable}
	}
	identity, err := a.ask(ctx, token)
	switch {
	case err == nil && identity.Expired(a.now()):
		return verdict{err: refuse("it has expired")}
	case err == nil || errors.Is(err, access.ErrUnauthenticated):
		return verdict{identity: identity, err: err}
	default:
		a.log.Warn("the application gives no verdict about a token", "error", err)
		return verdict{err: access.ErrUnavailable}
	}
}

func (a *Application) ask(ctx context.Context, token string) (access.Identity, error) {
	status, text, err := a.endpoint.Get(ctx, callout.Request{
		Accept: "application/json", Token: token, MaxBytes: maxVerdictBytes,
	})
	switch {
	case err != nil:
		return access.Identity{}, err
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return access.Identity{}, access.ErrUnauthenticated
	case status != http.StatusOK:
		return access.Identity{}, callout.StatusError(status)
	}
	var c claims
	if err := c.UnmarshalJSON(text); err != nil {
		return access.Identity{}, fmt.Errorf("the answer is not the payload of a token: %w", err)
	}
	if c.expires == nil {
		return access.Identity{}, errors.New("the answer has no exp")
	}
	identity, err := c.identity()
	if err != nil { // the application's mistake: the error must not wrap ErrUnauthenticated
		return access.Identity{}, fmt.Errorf("the answer cannot be used: %s", err) //nolint:errorlint // see above
	}
	return identity, nil
}
