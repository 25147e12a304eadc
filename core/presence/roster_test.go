package presence

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// encodeUser is an Encoder.
func encodeUser(dst []byte, u *User) []byte {
	text, err := json.Marshal(u)
	if err != nil {
		panic(err)
	}
	return append(dst, text...)
}

// listReader reads the list page by page, and then applies the changes since its start.
type listReader struct {
	p       *Table
	through int64
	after   place
	ended   bool
	listed  []User
	changes []Change
}

func startReading(p *Table) *listReader { return &listReader{p: p, through: p.joins} }

func (r *listReader) step(t *testing.T) (bytes int) {
	t.Helper()
	text, last, more := r.p.read(r.after, r.through, encodeUser)
	r.after, r.ended = last, !more
	var users []User
	if err := json.Unmarshal([]byte("["+strings.TrimPrefix(string(text), ",")+"]"), &users); err != nil {
		t.Fatal(err)
	}
	r.listed = append(r.listed, users...)
	return len(text)
}

// result returns the clients that the reader knows in the end.
func (r *listReader) result(t *testing.T) map[string]User {
	t.Helper()
	known := map[string]User{}
	for _, u := range r.listed {
		if _, twice := known[u.ClientID]; twice {
			t.Errorf("%s is in one list twice", u.ClientID)
		}
		known[u.ClientID] = u
	}
	for _, c := range r.changes {
		for _, u := range slices.Concat(c.Joined, c.Updated) {
			known[u.ClientID] = u
		}
		for _, id := range c.Left {
			delete(known, id)
		}
	}
	return known
}

func TestListReadDuringChangesConvergesWithTheChanges(t *testing.T) {
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 7))
		p, now := New("", lease, 3000, nil), presenceStart
		var readers, done []*listReader
		for step := range 20_000 {
			if random.IntN(3) == 0 {
				now = now.Add(time.Millisecond)
			}
			id := fmt.Sprint("c", random.IntN(2000))
			switch n := random.IntN(100); {
			case n < 45 || step < 3000:
				p.Connect(id, "", "", step+1, now)
			case n < 75:
				p.Update(id, "", Update{Field: fmt.Sprint(random.IntN(3)), Meta: `"` + strings.Repeat("x", random.IntN(300)) + `"`}, now)
			case n < 90:
				p.Leave(id, now)
			case n < 92:
				if len(readers) < 20 && step > 2000 {
					readers = append(readers, startReading(p))
				}
			case n < 97:
				for _, r := range readers {
					if !r.ended && random.IntN(40) == 0 {
						r.step(t)
					}
				}
			default:
				if c, ok := p.TakeChange(); ok {
					for _, r := range readers {
						r.changes = append(r.changes, c)
					}
				}
			}
		}
		for _, r := range readers {
			for !r.ended {
				r.step(t)
			}
			done = append(done, r)
		}
		if c, ok := p.TakeChange(); ok {
			for _, r := range done {
				r.changes = append(r.changes, c)
			}
		}
		want := map[string]User{}
		for _, u := range p.Users() {
			want[u.ClientID] = u
		}
		for i, r := range done {
			if got := r.result(t); !maps.Equal(got, want) {
				for id, u := range want {
					if got[id] != u {
						t.Errorf("%s: %+v is known, and %+v present", id, got[id], u)
					}
				}
				t.Fatalf("seed %d: reader %d of %d knows %d clients, and there are %d", seed, i, len(done), len(got), len(want))
			}
		}
		checkRoster(t, p)
	}
}

// checkRoster checks the invariants of the pages.
func checkRoster(t *testing.T, p *Table) {
	t.Helper()
	bytes, n := 0, 0
	last := place{}
	for _, page := range p.roster.pages {
		size := 0
		for _, m := range page.members {
			if m.page != page || p.members[m.ClientID] != m {
				t.Fatalf("%s is not where it is listed", m.ClientID)
			}
			if m.place().compare(last) <= 0 {
				t.Fatalf("%s is out of order", m.ClientID)
			}
			last = m.place()
			size += m.memory()
			if !m.hidden {
				n++
			}
		}
		if size != page.size || len(page.members) == 0 || len(page.members) > 2*pageMembers {
			t.Fatalf("a page of %d members and %d bytes is said to have %d bytes", len(page.members), size, page.size)
		}
		bytes += size + page.textMemory()
	}
	if bytes != p.roster.bytes || n != p.Len() {
		t.Fatalf("%d clients of %d are listed; %d bytes, and %d noted", n, p.Len(), bytes, p.roster.bytes)
	}
}

// Clients join and read the list. The number of encoded users is linear in the number of clients, and not quadratic.
func TestReadersShareEncodedPages(t *testing.T) {
	const clients = 10_000
	p, now := New("", lease, clients, nil), presenceStart
	encoded := 0
	encode := func(dst []byte, u *User) []byte { encoded++; return encodeUser(dst, u) }
	for i := range clients {
		now = now.Add(time.Millisecond)
		p.Connect(fmt.Sprintf("client-%05d", i), "", "", 1, now)
		if i%50 == 0 {
			p.TakeChange()
			for after, more := (place{}), true; more; {
				_, after, more = p.read(after, p.joins, encode)
			}
		}
	}
	// Each read encodes the clients that have joined since, and the rest of one page.
	if most := clients + clients/50*pageMembers*2; encoded > most {
		t.Errorf("%d users were encoded for %d readers, more than %d", encoded, clients/50, most)
	}
	for after, more := (place{}), true; more; {
		_, after, more = p.read(after, p.joins, encode)
	}
	encoded = 0
	for range 100 {
		for after, more := (place{}), true; more; {
			_, after, more = p.read(after, p.joins, encode)
		}
	}
	if encoded != 0 {
		t.Errorf("%d users were encoded for readers of a list that has not changed", encoded)
	}
}

func TestPageSizeIsBounded(t *testing.T) {
	p, now := New("", lease, 2000, nil), presenceStart
	for i := range 2000 {
		p.Connect(fmt.Sprint("c", i), "", "", 1, now)
	}
	for i := range 2000 { // entries grow in place
		p.Update(fmt.Sprint("c", i), "", Update{Meta: `"` + strings.Repeat("m", 4000) + `"`}, now)
	}
	checkRoster(t, p)
	r := startReading(p)
	for !r.ended {
		if n := r.step(t); n > 2*pageBytes+8<<10 {
			t.Errorf("a piece has %d bytes", n)
		}
	}
	if len(r.listed) != 2000 {
		t.Errorf("%d clients are listed", len(r.listed))
	}
	for i := range 1990 {
		p.Leave(fmt.Sprint("c", i), now)
	}
	checkRoster(t, p)
	if n := len(p.roster.pages); n > 2 {
		t.Errorf("10 clients take %d pages", n)
	}
}

// For all other readers the client has not changed.
func TestClientThatLeavesAndRejoinsIsReportedToReadersInBetween(t *testing.T) {
	p, now := New("", lease, 10, nil), presenceStart
	p.Connect("ann", "", "", 1, now)
	p.TakeChange()
	p.Leave("ann", now)
	r := startReading(p)
	r.step(t)
	p.Connect("ann", "", "", 2, now)
	if c, ok := p.TakeChange(); ok {
		r.changes = append(r.changes, c)
	}
	if got := r.result(t); len(got) != 1 || got["ann"].ClientID != "ann" {
		t.Errorf("a reader who began in between knows %v", got)
	}
}

func TestClientThatReconnectsUnchangedKeepsTheEncodedPage(t *testing.T) {
	p := New("", lease, 10, nil)
	p.Connect("ann", "user", "Ann", 1, presenceStart)
	p.TakeChange()
	list := func() *byte {
		c := p.Cursor()
		return &p.Next(&c, encodeUser)[0]
	}
	before := list()
	p.Disconnect("ann", 1, presenceStart)
	p.Connect("ann", "user", "Ann", 2, presenceStart)
	if list() != before {
		t.Error("the page is encoded again")
	}
	p.Connect("ann", "user", "Anne", 3, presenceStart)
	if list() == before {
		t.Error("the list has the old name")
	}
}

// Readers of a room that clients keep joining have different last clients, and get parts of one text.
func TestReadersThatStartedBeforeAJoinShareTheTextOfThePage(t *testing.T) {
	p := New("", lease, 1000, nil)
	encoded := 0
	count := func(dst []byte, u *User) []byte { encoded++; return encodeUser(dst, u) }
	var readers []Cursor
	const clients = 100
	for i := range clients {
		p.Connect(fmt.Sprintf("c%03d", i), "", "", i+1, presenceStart)
		readers = append(readers, p.Cursor())
	}
	for i := range readers {
		var users []User
		if err := json.Unmarshal([]byte("["+strings.TrimPrefix(string(p.Next(&readers[i], count)), ",")+"]"), &users); err != nil {
			t.Fatal(err)
		}
		if len(users) != i+1 || users[i].ClientID != fmt.Sprintf("c%03d", i) {
			t.Errorf("reader %d gets %d clients", i, len(users))
		}
	}
	if encoded != clients {
		t.Errorf("%d clients are encoded, want %d", encoded, clients)
	}
}
