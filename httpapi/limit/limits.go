package limit

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
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

// New returns limits. It logs a warning when an untrusted peer sends X-Forwarded-For.
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

// Sender is what limits need to know of a request.
type Sender struct {
	Address netip.Addr // of the client, for the access log; the zero Addr: the connection has no IP address
	network string     // the party of the address; "": none
	user    string     // "": not known
	sends   kind
}

// kind is what a request counts as.
type kind uint8

const (
	unlimited kind = iota
	batch
	otherRequest
)

// Sender returns the sender of a request. Its user is known after Identify, or from Config.UserOf.
func (l *Limits) Sender(r *http.Request) Sender {
	l.warnOfProxy(r)
	s := Sender{Address: clientAddress(r, l.cfg.TrustedProxies), sends: kindOf(r)}
	if a, ok := network(s.Address); ok {
		s.network = a.String()
	}
	if l.cfg.UserOf != nil {
		s.user = l.cfg.UserOf(r)
	}
	return s
}

// Identify sets the authenticated user of a sender, unless Config.UserOf has set it.
func (l *Limits) Identify(s *Sender, user string) {
	if l.cfg.UserOf == nil {
		s.user = user
	}
}

// kindOf returns what a request counts as, by its path. /healthz is not limited, so that a supervisor always gets an answer.
func kindOf(r *http.Request) kind {
	path := r.URL.EscapedPath()
	switch {
	case path == "/healthz":
		return unlimited
	case r.Method == http.MethodPost && isBatch(path):
		return batch
	}
	return otherRequest
}

// isBatch reports whether an escaped path is /v1/rooms/{room}/ops. A room or a client can have the name "ops".
func isBatch(path string) bool {
	room, ok := strings.CutPrefix(path, "/v1/rooms/")
	room, isOps := strings.CutSuffix(room, "/ops")
	return ok && isOps && !strings.Contains(room, "/")
}

// party is one address or one user.
type party struct {
	*quota
	name string // "": not known, so without limits
}

func (l *Limits) address(s *Sender) party    { return party{&l.addresses, s.network} }
func (l *Limits) user(s *Sender) party       { return party{&l.users, s.user} }
func (l *Limits) parties(s *Sender) [2]party { return [2]party{l.address(s), l.user(s)} }

// CountAddress counts a request for its address. Call it before authentication, so that it also limits authentications.
func (l *Limits) CountAddress(s *Sender) error { return l.address(s).count(s.sends) }

// CountUser counts a request for its user.
func (l *Limits) CountUser(s *Sender) error { return l.user(s).count(s.sends) }

func (p party) count(sends kind) error {
	switch {
	case p.name == "" || sends == unlimited:
		return nil
	case sends == batch:
		return count(p.batches, p.name, p.label, " sends too many batches")
	default:
		return count(p.requests, p.name, p.label, " sends too many requests")
	}
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

// CountBatch counts a batch for its client.
func (l *Limits) CountBatch(room, clientID, userID string) error {
	return count(l.clients, client{room, clientID, userID}, "this client", " sends too many batches to this room")
}

// count takes a token of a key. Without one, it fails with who does what.
func count[K comparable](l *rateLimit[K], key K, who, what string) error {
	if wait, ok := l.take(key, time.Now()); !ok {
		return problem.Limited(who+what, wait)
	}
	return nil
}

// CountRooms counts a stream of several rooms as one request for each room. The first has been counted.
func (l *Limits) CountRooms(s *Sender, rooms int) error {
	for _, p := range l.parties(s) {
		for range rooms - 1 {
			if err := p.count(s.sends); err != nil {
				return err
			}
		}
	}
	return nil
}

// streamRetry is the Retry-After of a party with too many open streams.
const streamRetry = 10 * time.Second

// OpenStream counts an open stream. Call release when it ends.
func (l *Limits) OpenStream(s *Sender) (release func(), err error) {
	var counted []party
	for _, p := range l.parties(s) {
		if p.name == "" {
			continue
		}
		if !p.streams.add(p.name, p.Streams) {
			removeStream(counted)
			return nil, problem.Limited(fmt.Sprintf("%s has %d streams open", p.label, p.Streams), streamRetry)
		}
		counted = append(counted, p)
	}
	if counted == nil {
		return func() {}, nil
	}
	return func() { removeStream(counted) }, nil
}

func removeStream(from []party) {
	for _, p := range from {
		p.streams.remove(p.name)
	}
}

// Accounts returns the accounts that a room counts for if this request opens it.
func (l *Limits) Accounts(s *Sender) []core.Account {
	var accounts []core.Account
	for _, p := range l.parties(s) {
		if p.name != "" && p.Rooms > 0 {
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
