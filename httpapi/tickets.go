package httpapi

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// Bounds of tickets. Those that have been used count until they would have expired.
const (
	ticketLife       = 30 * time.Second
	maxTickets       = 100_000
	maxTicketsOfUser = 100
	maxTicketBody    = 4 << 10
	maxTicketMemory  = 64 << 20 // of all that are issued
)

// tickets are short-lived stand-ins for tokens: for EventSource, which sends no header, where the token cannot be in a
// cookie. What gets into logs and histories with the address has been used by then.
type tickets struct {
	mu     sync.Mutex
	valid  map[string]ticket // by their texts
	issued []ticket          // within ticketLife, oldest first
	held   map[string]int    // how many of issued each user has
	bytes  int               // of memory that issued take
}

// ticket lets its holder open one stream, of some or all of its rooms.
type ticket struct {
	text     string
	rooms    []string
	identity access.Identity
	expires  time.Time
}

func newTickets() *tickets {
	return &tickets{valid: map[string]ticket{}, held: map[string]int{}}
}

// memory is about how many bytes of memory a ticket takes.
func (k *ticket) memory() int {
	n := 512 + k.identity.Memory()
	for _, room := range k.rooms {
		n += 16 + len(room)
	}
	return n
}

// memory is about how many bytes of memory all tickets take.
func (t *tickets) memory() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes
}

// issue makes a ticket. It reports false when there are too many.
func (t *tickets) issue(identity access.Identity, rooms []string) (ticket, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.expire(now)
	if len(t.issued) >= maxTickets || t.bytes >= maxTicketMemory || t.held[identity.User] >= maxTicketsOfUser {
		return ticket{}, false
	}
	k := ticket{text: rand.Text(), rooms: rooms, identity: identity, expires: now.Add(ticketLife)}
	t.valid[k.text] = k
	t.issued = append(t.issued, k)
	t.bytes += k.memory()
	t.held[identity.User]++
	return k, true
}

// redeem takes a ticket, which is then used up, whatever rooms it is shown for.
func (t *tickets) redeem(text string, rooms []string) (access.Identity, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.valid[text]
	delete(t.valid, text)
	if !ok || !k.covers(rooms) || !time.Now().Before(k.expires) {
		return access.Identity{}, false
	}
	return k.identity, true
}

func (k ticket) covers(rooms []string) bool {
	return !slices.ContainsFunc(rooms, func(room string) bool { return !slices.Contains(k.rooms, room) })
}

// expire forgets the tickets that have expired. The lock is held.
func (t *tickets) expire(now time.Time) {
	gone := 0
	for ; gone < len(t.issued) && !now.Before(t.issued[gone].expires); gone++ {
		k := t.issued[gone]
		delete(t.valid, k.text)
		t.bytes -= k.memory()
		if t.held[k.identity.User]--; t.held[k.identity.User] == 0 {
			delete(t.held, k.identity.User)
		}
	}
	clear(t.issued[:gone]) // their identities may go
	t.issued = t.issued[gone:]
}

// postTicket hands out a ticket for a room, or for several.
func (s *Server) postTicket(c echo.Context) error {
	body, err := s.readBody(c, min(maxTicketBody, s.cfg.MaxBodyBytes))
	if err != nil {
		return err
	}
	rooms, err := decodeTicketRequest(body, s.cfg.MaxDepth)
	if err != nil {
		return err
	}
	if err := allowedIn(c, access.Read, rooms...); err != nil {
		return err
	}
	k, ok := s.tickets.issue(identityOf(c), rooms)
	if !ok {
		return problem(Overloaded, "too many tickets have been issued in the last "+ticketLife.String())
	}
	c.Response().Header().Set("Cache-Control", noStore)
	answer := tree.AppendString([]byte(`{"ticket":`), k.text)
	answer = append(answer, `,"expiresAt":`...)
	answer = strconv.AppendInt(answer, k.expires.UnixMilli(), 10)
	return c.JSONBlob(http.StatusOK, append(answer, '}'))
}

// decodeTicketRequest reads `{room}` or `{rooms}`.
func decodeTicketRequest(body []byte, maxDepth int) (rooms []string, err error) {
	v, err := tree.Parse(body, maxDepth+1)
	if err != nil {
		return nil, problem(InvalidJSON, err.Error())
	}
	d := decoder{}
	obj, ok := v.(*tree.Object)
	if !ok {
		d.fault("", "must be an object")
		return nil, problem(InvalidRequest, "", d.faults...)
	}
	for name, v := range obj.All() {
		switch {
		case name != "room" && name != "rooms":
			d.unknown("", name)
		case rooms != nil:
			d.fault("", "must have either room or rooms")
		case name == "room":
			rooms = []string{d.name("/room", v, core.MaxRoomLength)}
		default:
			rooms = d.roomNames("/rooms", v)
		}
	}
	if rooms == nil && len(d.faults) == 0 {
		d.fault("/room", "is missing")
	}
	if len(d.faults) > 0 {
		return nil, problem(InvalidRequest, "", d.faults...)
	}
	return rooms, nil
}

func (d *decoder) roomNames(pointer string, v tree.Value) []string {
	list, ok := v.(*tree.Array)
	if !ok || list.Len() == 0 || list.Len() > maxRooms {
		d.fault(pointer, fmt.Sprintf("must be an array of 1 to %d rooms", maxRooms))
		return []string{}
	}
	rooms := make([]string, 0, list.Len())
	for v := range list.Values() {
		rooms = append(rooms, d.name(pointer+"/"+strconv.Itoa(len(rooms)), v, core.MaxRoomLength))
	}
	if _, twice := repeated(rooms); twice {
		d.fault(pointer, "must not name a room twice")
	}
	return rooms
}
