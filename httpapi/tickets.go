package httpapi

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// Bounds of tickets. Those that have been used count until they would have expired.
const (
	ticketLife       = 30 * time.Second
	maxTickets       = 100_000
	maxTicketsOfUser = 100
	maxTicketBody    = 4 << 10
)

// tickets are short-lived stand-ins for tokens: for EventSource, which sends no header, where the token cannot be in a
// cookie. What gets into logs and histories with the address has been used by then.
type tickets struct {
	mu     sync.Mutex
	valid  map[string]ticket // by their texts
	issued []ticket          // within ticketLife, oldest first
	held   map[string]int    // how many of issued each user has
}

// ticket lets its holder open one stream in one room.
type ticket struct {
	text     string
	room     string
	identity core.Identity
	expires  time.Time
}

func newTickets() *tickets {
	return &tickets{valid: map[string]ticket{}, held: map[string]int{}}
}

// issue makes a ticket. It reports false when there are too many.
func (t *tickets) issue(identity core.Identity, room string) (ticket, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.expire(now)
	if len(t.issued) >= maxTickets || t.held[identity.User] >= maxTicketsOfUser {
		return ticket{}, false
	}
	k := ticket{text: rand.Text(), room: room, identity: identity, expires: now.Add(ticketLife)}
	t.valid[k.text] = k
	t.issued = append(t.issued, k)
	t.held[identity.User]++
	return k, true
}

// redeem takes a ticket, which is then used up, whatever room it is shown for.
func (t *tickets) redeem(text, room string) (core.Identity, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.valid[text]
	delete(t.valid, text)
	if !ok || k.room != room || !time.Now().Before(k.expires) {
		return core.Identity{}, false
	}
	return k.identity, true
}

// expire forgets the tickets that have expired. The lock is held.
func (t *tickets) expire(now time.Time) {
	gone := 0
	for ; gone < len(t.issued) && !now.Before(t.issued[gone].expires); gone++ {
		k := t.issued[gone]
		delete(t.valid, k.text)
		if t.held[k.identity.User]--; t.held[k.identity.User] == 0 {
			delete(t.held, k.identity.User)
		}
	}
	clear(t.issued[:gone]) // their identities may go
	t.issued = t.issued[gone:]
}

// postTicket hands out a ticket for a room.
func (s *Server) postTicket(c echo.Context) error {
	body, err := s.readBody(c, min(maxTicketBody, s.cfg.MaxBodyBytes))
	if err != nil {
		return err
	}
	room, err := decodeTicketRequest(body, s.cfg.MaxDepth)
	if err != nil {
		return err
	}
	if err := allowedIn(c, core.ToRead, room); err != nil {
		return err
	}
	k, ok := s.tickets.issue(identityOf(c), room)
	if !ok {
		return problem(Overloaded, "too many tickets have been issued in the last "+ticketLife.String())
	}
	c.Response().Header().Set("Cache-Control", noStore)
	answer := tree.AppendString([]byte(`{"ticket":`), k.text)
	answer = append(answer, `,"expiresAt":`...)
	answer = strconv.AppendInt(answer, k.expires.UnixMilli(), 10)
	return c.JSONBlob(http.StatusOK, append(answer, '}'))
}

// decodeTicketRequest reads `{room}`.
func decodeTicketRequest(body []byte, maxDepth int) (room string, err error) {
	v, err := tree.Parse(body, maxDepth+1)
	if err != nil {
		return "", problem(InvalidJSON, err.Error())
	}
	d := decoder{}
	obj, ok := v.(*tree.Object)
	if !ok {
		d.fault("", "must be an object")
		return "", problem(InvalidRequest, "", d.faults...)
	}
	for name, v := range obj.All() {
		if name != "room" {
			d.unknown("", name)
			continue
		}
		room = d.text("/room", v)
	}
	if len(d.faults) == 0 {
		if err := core.CheckName(room, core.MaxRoomLength); err != nil {
			d.fault("/room", err.Error())
		}
	}
	if len(d.faults) > 0 {
		return "", problem(InvalidRequest, "", d.faults...)
	}
	return room, nil
}
