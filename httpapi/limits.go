package httpapi

import (
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pathsync/pathsync/core"
)

// Limits bound what one party may have of the server, so that nobody takes it from all others. Zero values are no limit.
type Limits struct {
	Address Allowance // of each client address: an IPv4 address, or 64 bits of an IPv6 one; the loopback interface has none
	User    Allowance // of each user that UserOf knows
	// ClientBatches is how many batches a second one clientId may send to one room: what runs wild in one tab.
	ClientBatches float64
	// TrustedProxies are those whose X-Forwarded-For says where a request comes from.
	TrustedProxies []netip.Prefix
	// UserOf names the user that a request is from, and is "" when nobody knows. Default: the UserOf of this package.
	UserOf func(*http.Request) string
}

// Allowance is what one party may have. For a moment, rates allow ten seconds' worth at once. Zero values are no limit.
type Allowance struct {
	Batches  float64 // sent, a second
	Requests float64 // of any other kind, a second; the start of a stream is one
	Streams  int     // open at a time
	Rooms    int     // open at a time, of those that this party was the first to ask for
}

// maxBuckets is how many parties of one kind are told apart, at least.
const maxBuckets = 1 << 16

// limits is Limits at work.
type limits struct {
	cfg       Limits
	addresses quota
	users     quota
	clients   *buckets[clientInRoom]

	log     *slog.Logger
	unnamed sync.Once // a proxy that is not trusted has been reported
}

// clientInRoom is a client as it is counted: by its user too, lest another uses up what it may send.
type clientInRoom struct{ room, clientID, userID string }

// quota is an Allowance at work.
type quota struct {
	Allowance
	whose             string // for whoever is refused
	batches, requests *buckets[string]
	streams           counts
}

func newLimits(cfg Limits, log *slog.Logger) *limits {
	if cfg.UserOf == nil {
		cfg.UserOf = UserOf
	}
	return &limits{
		cfg: cfg, log: log,
		addresses: newQuota(cfg.Address, "this address"),
		users:     newQuota(cfg.User, "this user"),
		clients:   newBuckets[clientInRoom](cfg.ClientBatches, maxBuckets/4),
	}
}

func newQuota(a Allowance, whose string) quota {
	return quota{
		Allowance: a, whose: whose,
		batches: newBuckets[string](a.Batches, maxBuckets), requests: newBuckets[string](a.Requests, maxBuckets),
		streams: counts{of: map[string]int{}},
	}
}

// party is one address or one user, and what it may have.
type party struct {
	*quota
	name string
}

// address is the party that a request's address is; false when it is nobody's.
func (l *limits) address(r *http.Request) (party, bool) {
	a, ok := subscriber(clientAddress(r, l.cfg.TrustedProxies))
	return party{&l.addresses, a.String()}, ok
}

// user is the party that a request's user is; false when nobody knows who it is.
func (l *limits) user(r *http.Request) (party, bool) {
	name := l.cfg.UserOf(r)
	return party{&l.users, name}, name != ""
}

// from is where a request comes from, for people to read.
func (l *limits) from(r *http.Request) string {
	if a := clientAddress(r, l.cfg.TrustedProxies); a.IsValid() {
		return a.String()
	}
	return r.RemoteAddr // of a connection that has no IP address
}

// parties are all that a request counts for.
func (l *limits) parties(r *http.Request) []party {
	parties := make([]party, 0, 2)
	for _, of := range []func(*http.Request) (party, bool){l.address, l.user} {
		if p, ok := of(r); ok {
			parties = append(parties, p)
		}
	}
	return parties
}

// byAddress counts a request for the address that it comes from. It comes before anybody asks who the user is, so that
// asking cannot be had in any number either.
func (l *limits) byAddress(r *http.Request) error {
	l.noteProxy(r)
	if p, ok := l.address(r); ok {
		return p.request(r)
	}
	return nil
}

// noteProxy tells the operator, once, that a proxy may be in front that the limits do not know of. It can also be a client
// that pretends, so nothing of what it says is repeated.
func (l *limits) noteProxy(r *http.Request) {
	if l.cfg.Address == (Allowance{}) || r.Header.Get("X-Forwarded-For") == "" {
		return
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && !contains(l.cfg.TrustedProxies, plain(peer.Addr())) {
		l.unnamed.Do(func() {
			l.log.Warn("X-Forwarded-For comes from a peer that is not among the trusted proxies; if it is one, its clients are not told apart",
				"peer", peer.Addr())
		})
	}
}

// byUser counts a request for the user that it is from.
func (l *limits) byUser(r *http.Request) error {
	if p, ok := l.user(r); ok {
		return p.request(r)
	}
	return nil
}

// request counts a request, by what its address says that it is. Whether the process is alive, a supervisor may always ask.
func (p party) request(r *http.Request) error {
	path := r.URL.EscapedPath()
	switch {
	case path == "/healthz":
		return nil
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/ops"):
		return spend(p.batches, p.name, p.whose+" sends too many batches")
	default:
		return spend(p.requests, p.name, p.whose+" sends too many requests")
	}
}

// batch counts a batch for the client that it says it is from.
func (l *limits) batch(room, clientID, userID string) error {
	return spend(l.clients, clientInRoom{room, clientID, userID}, "this client sends too many batches to this room")
}

func spend[K comparable](b *buckets[K], key K, detail string) error {
	if wait, ok := b.take(key, time.Now()); !ok {
		return tooMuch(detail, wait)
	}
	return nil
}

// rooms counts a stream of several rooms as a request for each of them. The first is counted already.
func (l *limits) rooms(r *http.Request, rooms int) error {
	for _, p := range l.parties(r) {
		for range rooms - 1 {
			if err := p.request(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// stream counts a stream in, and returns a function that counts it out.
func (l *limits) stream(r *http.Request) (leave func(), err error) {
	var entered []party
	leave = func() {
		for _, p := range entered {
			p.streams.leave(p.name)
		}
	}
	for _, p := range l.parties(r) {
		if !p.streams.enter(p.name, p.Streams) {
			leave()
			return nil, tooMuch(fmt.Sprintf("%s has %d streams open", p.whose, p.Streams), streamRetry)
		}
		entered = append(entered, p)
	}
	return leave, nil
}

// After how long somebody with too many of them may ask for another: they last.
const (
	streamRetry = 10 * time.Second
	roomRetry   = 10 * time.Second
)

// accounts are those on which a room is that this request opens.
func (l *limits) accounts(r *http.Request) []core.Account {
	var accounts []core.Account
	for _, p := range l.parties(r) {
		if p.Rooms > 0 {
			accounts = append(accounts, core.Account{Name: p.whose + " " + p.name, MaxRooms: p.Rooms})
		}
	}
	return accounts
}

// tooMuch is the problem of whoever has had all that is his for now.
func tooMuch(detail string, wait time.Duration) *Problem {
	p := problem(RateLimited, detail)
	p.retryAfter = max(1, int(math.Ceil(wait.Seconds())))
	return p
}

// counts is how many of something each party has at the moment. It has no entry for who has none.
type counts struct {
	mu sync.Mutex
	of map[string]int
}

func (c *counts) enter(name string, max int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if max > 0 && c.of[name] >= max {
		return false
	}
	c.of[name]++
	return true
}

func (c *counts) leave(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[name]--; c.of[name] == 0 {
		delete(c.of, name)
	}
}
