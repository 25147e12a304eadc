package limit

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// Config configures Limits. Zero values are no limit.
type Config struct {
	Address Allowance // of each client address: an IPv4 address, or a /64 of IPv6; the loopback interface has no limits
	User    Allowance // of each user
	// ClientBatches is the number of batches per second from one clientId to one room. It stops a tab that loops.
	ClientBatches float64
	// TrustedProxies are the proxies whose X-Forwarded-For determines the client address.
	TrustedProxies []netip.Prefix
	// UserOf returns the user of a request, and "" for an unknown user. Default: the authenticated user.
	UserOf func(*http.Request) string
}

// Allowance is the limits of one party. Rates allow bursts of ten seconds. Zero values are no limit.
type Allowance struct {
	Batches  float64 // per second
	Requests float64 // of any other kind, per second; opening a stream is one
	Streams  int     // open at the same time
	Rooms    int     // open at the same time that this party opened first
}

// maxParties is the minimum number of parties of one kind that the rates distinguish.
const maxParties = 1 << 16

// Limits applies a Config. It is safe for concurrent use.
type Limits struct {
	cfg       Config
	addresses quota
	users     quota
	clients   *rateLimit[client]

	log          *slog.Logger
	proxyWarning sync.Once
}

// client is the key of ClientBatches. It includes the user, so that one user cannot exhaust the limit of another's client.
type client struct{ room, clientID, userID string }

// quota applies an Allowance to all parties of one kind.
type quota struct {
	Allowance
	label             string // of a party, in problems
	batches, requests *rateLimit[string]
	streams           counts
}

// New returns limits. It logs a warning when an untrusted peer sends X-Forwarded-For. cfg.UserOf is required.
func New(cfg Config, log *slog.Logger) *Limits {
	return &Limits{
		cfg: cfg, log: log,
		addresses: newQuota(cfg.Address, "this address"),
		users:     newQuota(cfg.User, "this user"),
		clients:   newRateLimit[client](cfg.ClientBatches, maxParties/4),
	}
}

func newQuota(a Allowance, label string) quota {
	return quota{
		Allowance: a, label: label,
		batches: newRateLimit[string](a.Batches, maxParties), requests: newRateLimit[string](a.Requests, maxParties),
		streams: counts{byName: map[string]int{}},
	}
}

// party is one address or one user.
type party struct {
	*quota
	name string
}

// address returns the party of a request's address; false: it has none.
func (l *Limits) address(r *http.Request) (party, bool) {
	a, ok := network(clientAddress(r, l.cfg.TrustedProxies))
	return party{&l.addresses, a.String()}, ok
}

// user returns the party of a request's user; false: the user is unknown.
func (l *Limits) user(r *http.Request) (party, bool) {
	name := l.cfg.UserOf(r)
	return party{&l.users, name}, name != ""
}

func (l *Limits) parties(r *http.Request) []party {
	parties := make([]party, 0, 2)
	for _, of := range []func(*http.Request) (party, bool){l.address, l.user} {
		if p, ok := of(r); ok {
			parties = append(parties, p)
		}
	}
	return parties
}

// ClientAddress returns the address of a request's client, for the access log.
func (l *Limits) ClientAddress(r *http.Request) string {
	if a := clientAddress(r, l.cfg.TrustedProxies); a.IsValid() {
		return a.String()
	}
	return r.RemoteAddr // the connection has no IP address
}

// CountAddress counts a request for its address. Call it before authentication, so that it also limits authentications.
func (l *Limits) CountAddress(r *http.Request) error {
	l.warnOfProxy(r)
	if p, ok := l.address(r); ok {
		return p.count(r)
	}
	return nil
}

// warnOfProxy logs once that there may be a proxy that is not in TrustedProxies. The header may also be forged by a client,
// so the log does not repeat it.
func (l *Limits) warnOfProxy(r *http.Request) {
	if l.cfg.Address == (Allowance{}) || r.Header.Get("X-Forwarded-For") == "" {
		return
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && !contains(l.cfg.TrustedProxies, canonical(peer.Addr())) {
		l.proxyWarning.Do(func() {
			l.log.Warn("X-Forwarded-For from a peer that is not among the trusted proxies; if it is a proxy, all its clients share the limits of one address",
				"peer", peer.Addr())
		})
	}
}

// CountUser counts a request for its user.
func (l *Limits) CountUser(r *http.Request) error {
	if p, ok := l.user(r); ok {
		return p.count(r)
	}
	return nil
}

// count counts a request by its path. /healthz is not limited, so that a supervisor always gets an answer.
func (p party) count(r *http.Request) error {
	path := r.URL.EscapedPath()
	switch {
	case path == "/healthz":
		return nil
	case r.Method == http.MethodPost && isBatch(path):
		return count(p.batches, p.name, p.label+" sends too many batches")
	default:
		return count(p.requests, p.name, p.label+" sends too many requests")
	}
}

// isBatch reports whether an escaped path is /v1/rooms/{room}/ops. A room or a client can have the name "ops".
func isBatch(path string) bool {
	room, ok := strings.CutPrefix(path, "/v1/rooms/")
	room, isOps := strings.CutSuffix(room, "/ops")
	return ok && isOps && !strings.Contains(room, "/")
}

// CountBatch counts a batch for its client.
func (l *Limits) CountBatch(room, clientID, userID string) error {
	return count(l.clients, client{room, clientID, userID}, "this client sends too many batches to this room")
}

func count[K comparable](l *rateLimit[K], key K, detail string) error {
	if wait, ok := l.take(key, time.Now()); !ok {
		return problem.Limited(detail, wait)
	}
	return nil
}

// CountRooms counts a stream of several rooms as one request for each room. The first has been counted.
func (l *Limits) CountRooms(r *http.Request, rooms int) error {
	for _, p := range l.parties(r) {
		for range rooms - 1 {
			if err := p.count(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// streamRetry is the Retry-After of a party with too many open streams.
const streamRetry = 10 * time.Second

// OpenStream counts an open stream. Call release when it ends.
func (l *Limits) OpenStream(r *http.Request) (release func(), err error) {
	parties := l.parties(r)
	for i, p := range parties {
		if !p.streams.add(p.name, p.Streams) {
			removeStream(parties[:i])
			return nil, problem.Limited(fmt.Sprintf("%s has %d streams open", p.label, p.Streams), streamRetry)
		}
	}
	if len(parties) == 0 {
		return func() {}, nil
	}
	counted := slices.Clone(parties) // without spare capacity, as long as the stream lasts
	return func() { removeStream(counted) }, nil
}

func removeStream(from []party) {
	for _, p := range from {
		p.streams.remove(p.name)
	}
}

// Accounts returns the accounts that a room counts for if this request opens it.
func (l *Limits) Accounts(r *http.Request) []core.Account {
	var accounts []core.Account
	for _, p := range l.parties(r) {
		if p.Rooms > 0 {
			accounts = append(accounts, core.Account{Name: p.label + " " + p.name, MaxRooms: p.Rooms})
		}
	}
	return accounts
}

// counts is the number of open streams of each party. Parties without streams have no entry.
type counts struct {
	mu     sync.Mutex
	byName map[string]int
}

func (c *counts) add(name string, max int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if max > 0 && c.byName[name] >= max {
		return false
	}
	c.byName[name]++
	return true
}

func (c *counts) remove(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byName[name]--; c.byName[name] == 0 {
		delete(c.byName, name)
	}
}
