package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/trust"
)

// ApplicationConfig is what an Application needs. Zero values stand for the defaults named.
type ApplicationConfig struct {
	URL string // of the application's endpoint; https, or http to this machine; required

	Fresh  time.Duration    // so long an answer is not asked for again; 30 s
	Client *http.Client     // default: one of its own
	Now    func() time.Time // default: time.Now
	Log    *slog.Logger     // default: none
}

// Bounds of asking the application.
const (
	maxVerdicts     = 10_000 // remembered
	maxQuestions    = 64     // under way
	maxVerdictBytes = 256 << 10
	askTimeout      = 5 * time.Second // for a turn, and of a request for the verdict: a large answer may come later
)

// Application has the application decide what a token is worth. It is for those whose tokens are not JSON Web Tokens,
// such as ids of sessions, and for those who want to decide anew every half a minute. The token goes to the endpoint in a
// GET request, in the header Authorization, as it came. The answer is one of
//
//	200 with what the payload of a token would be: sub, exp and pathsync
//	401 or 403 when the token is worth nothing
//
// Whatever else happens is no verdict, and opens nothing.
type Application struct {
	url    string
	client *http.Client
	fresh  time.Duration
	now    func() time.Time
	log    *slog.Logger

	asking singleflight.Group
	turn   chan struct{} // as many as may ask at once

	mu       sync.Mutex
	verdicts map[[sha256.Size]byte]verdict // by the hashes of tokens, lest a dump of memory gives them away
}

// verdict is an answer of the application, and until when it is taken as its answer to the same question.
type verdict struct {
	identity access.Identity
	err      error
	until    time.Time
}

// NewApplication makes an Application. It asks nothing yet.
func NewApplication(cfg ApplicationConfig) (*Application, error) {
	if !trust.Trustworthy(cfg.URL) {
		return nil, errors.New("the URL that is asked who may do what has to begin with https://")
	}
	a := &Application{
		url: cfg.URL, client: trust.Client(cfg.Client), fresh: cfg.Fresh, now: cfg.Now, log: cfg.Log,
		turn: make(chan struct{}, maxQuestions), verdicts: map[[sha256.Size]byte]verdict{},
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

// Authenticate returns what the application says of a token. However many come with it at once, it is asked once.
func (a *Application) Authenticate(ctx context.Context, token string) (access.Identity, error) {
	if len(token) > MaxTokenBytes || strings.ContainsFunc(token, isNotVisible) {
		return access.Identity{}, access.ErrUnauthenticated
	}
	key := sha256.Sum256([]byte(token))
	if v, ok := a.remembered(key); ok {
		return v.identity, v.err
	}
	asked := a.asking.DoChan(string(key[:]), func() (any, error) {
		v := a.ask(context.WithoutCancel(ctx), token)
		if !errors.Is(v.err, access.ErrUnavailable) {
			a.remember(key, v)
		}
		return v, nil
	})
	patience := time.NewTimer(askTimeout + time.Second) // longer than the answer may take to begin
	defer patience.Stop()
	select {
	case answer := <-asked:
		v := answer.Val.(verdict)
		return v.identity, v.err
	case <-patience.C:
	case <-ctx.Done():
	}
	return access.Identity{}, access.ErrUnavailable
}

// isNotVisible reports whether a character cannot be part of a token (RFC 6750, section 2.1) or would break a header.
func isNotVisible(r rune) bool { return r <= ' ' || r > '~' }

func (a *Application) remembered(key [sha256.Size]byte) (verdict, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, ok := a.verdicts[key]
	return v, ok && a.now().Before(v.until)
}

// remember keeps a verdict. When there are too many, those that are over go, and if none is, any one.
func (a *Application) remember(key [sha256.Size]byte, v verdict) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if len(a.verdicts) >= maxVerdicts {
		for k, old := range a.verdicts {
			if !now.Before(old.until) {
				delete(a.verdicts, k)
			}
		}
	}
	for k := range a.verdicts {
		if len(a.verdicts) < maxVerdicts {
			break
		}
		delete(a.verdicts, k)
	}
	v.until = now.Add(a.fresh)
	if v.err == nil && v.identity.Expires.Before(v.until) {
		v.until = v.identity.Expires
	}
	a.verdicts[key] = v
}

// ask asks the application, in its turn.
func (a *Application) ask(ctx context.Context, token string) verdict {
	patience := time.NewTimer(askTimeout)
	defer patience.Stop()
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-patience.C:
		return verdict{err: access.ErrUnavailable}
	}
	identity, err := a.exchange(ctx, token)
	switch {
	case err == nil && identity.Expired(a.now()):
		return verdict{err: refuse("it has expired")}
	case err == nil || errors.Is(err, access.ErrUnauthenticated):
		return verdict{identity: identity, err: err}
	default:
		a.log.Warn("the application does not say who may do what", "error", err)
		return verdict{err: access.ErrUnavailable}
	}
}

func (a *Application) exchange(ctx context.Context, token string) (access.Identity, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return access.Identity{}, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := trust.Ask(a.client, req)
	if err != nil {
		return access.Identity{}, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return access.Identity{}, access.ErrUnauthenticated
	default:
		return access.Identity{}, fmt.Errorf("the answer is %s", resp.Status)
	}
	text, err := trust.Body(resp, maxVerdictBytes)
	if err != nil {
		return access.Identity{}, err
	}
	var c claims
	if err := c.UnmarshalJSON(text); err != nil {
		return access.Identity{}, fmt.Errorf("the answer is not what the payload of a token would be: %w", err)
	}
	if c.expires == nil {
		return access.Identity{}, errors.New("the answer has no exp")
	}
	identity, err := c.identity()
	if err != nil { // the application's mistake, and none of whoever sent the token
		return access.Identity{}, fmt.Errorf("the answer cannot be used: %s", err) //nolint:errorlint // it must not say that the token is bad
	}
	return identity, nil
}
