package presence

import (
	"reflect"
	"runtime"
	"strconv"
	"testing"
	"time"
)

var presenceStart = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const lease = 15 * time.Second

func ids(users []User) (out []string) {
	for _, u := range users {
		out = append(out, u.ClientID)
	}
	return out
}

func wantChange(t *testing.T, p *Table, joined, updated, left []string) {
	t.Helper()
	c, ok := p.TakeChange()
	if ok != (len(joined)+len(updated)+len(left) > 0) {
		t.Errorf("TakeChange returned ok %v", ok)
	}
	if !reflect.DeepEqual(ids(c.Joined), joined) || !reflect.DeepEqual(ids(c.Updated), updated) || !reflect.DeepEqual(c.Left, left) {
		t.Errorf("change is %+v, want joined %v, updated %v, left %v", c, joined, updated, left)
	}
}

func TestClientIsPresentWhileItsStreamIsOpen(t *testing.T) {
	p, now := New("", lease, 10, nil), presenceStart
	p.Connect("ann", "", "Ann", 1, now)
	p.Expire(now.Add(24 * time.Hour))
	if got := p.Users(); len(got) != 1 || got[0].DisplayName != "Ann" || got[0].JoinedAt != now.UnixMilli() {
		t.Errorf("present: %+v", got)
	}
	if _, running := p.NextExpiry(); running {
		t.Error("a lease runs although the stream is open")
	}
	wantChange(t, p, []string{"ann"}, nil, nil)
	wantChange(t, p, nil, nil, nil)
}

func TestReloadWithinLeaseDoesNotChangePresence(t *testing.T) {
	p, now := New("", lease, 10, nil), presenceStart
	p.Connect("ann", "", "Ann", 1, now)
	p.TakeChange()
	p.Disconnect("ann", 1, now)
	p.Expire(now.Add(lease - 1))
	p.Connect("ann", "", "", 2, now.Add(lease-1))
	p.Expire(now.Add(24 * time.Hour))
	wantChange(t, p, nil, nil, nil)
}

func TestClientLeavesWhenItsLeaseExpires(t *testing.T) {
	p, now := New("", lease, 10, nil), presenceStart
	p.Connect("ann", "", "", 1, now)
	p.TakeChange()
	p.Disconnect("ann", 1, now)
	if at, ok := p.NextExpiry(); !ok || !at.Equal(now.Add(lease)) {
		t.Errorf("the lease ends at %v, %v", at, ok)
	}
	p.Expire(now.Add(lease))
	wantChange(t, p, nil, nil, []string{"ann"})
	if !p.Idle() {
		t.Error("something is left behind")
	}
}

func TestEndOfReplacedStreamKeepsClientPresent(t *testing.T) {
	p, now := New("", lease, 10, nil), presenceStart
	p.Connect("ann", "", "", 1, now)
	p.Connect("ann", "", "", 2, now)
	p.Disconnect("ann", 1, now)
	p.Expire(now.Add(2 * lease))
	if len(p.Users()) != 1 {
		t.Error("the client left with its old stream")
	}
}

func TestUpdateRenewsLeaseOfClientWithoutStream(t *testing.T) {
	p, now := New("", lease, 10, nil), presenceStart
	name := "Ann"
	p.Update("ann", "", Update{DisplayName: &name, Field: "title", Meta: `{"x":1}`}, now)
	wantChange(t, p, []string{"ann"}, nil, nil)
	p.Update("ann", "", Update{}, now.Add(lease-1)) // blur: clears the field, keeps the name
	p.Expire(now.Add(lease))
	c, _ := p.TakeChange()
	if len(c.Updated) != 1 || c.Updated[0].Field != "" || c.Updated[0].Meta != "" || c.Updated[0].DisplayName != "Ann" {
		t.Errorf("change: %+v", c)
	}
}

func TestClientLeavesAtOnceAndMayJoinAgain(t *testing.T) {
	p, now := New("", lease, 10, nil), presenceStart
	p.Connect("ann", "", "", 1, now)
	p.Connect("ben", "", "", 1, now)
	p.TakeChange()
	p.Leave("ann", now)
	p.Leave("ann", now)
	p.Leave("nobody", now)
	wantChange(t, p, nil, nil, []string{"ann"})
	p.Disconnect("ann", 1, now) // a late Disconnect
	p.Update("ann", "", Update{}, now)
	wantChange(t, p, []string{"ann"}, nil, nil)
}

func TestClientThatJoinsAndLeavesWithinWindowIsNotReported(t *testing.T) {
	p, now := New("", lease, 10, nil), presenceStart
	p.Connect("ann", "", "", 1, now)
	p.Leave("ann", now)
	wantChange(t, p, nil, nil, nil)
	p.Update("ben", "", Update{Field: "title"}, now)
	p.TakeChange()
	p.Update("ben", "", Update{Field: "body"}, now)
	p.Update("ben", "", Update{Field: "title"}, now)
	wantChange(t, p, nil, nil, nil)
}

func TestClientShownToNewReaderIsReportedWhenItLeaves(t *testing.T) {
	p, now := New("", lease, 10, nil), presenceStart
	p.Connect("ann", "", "", 1, now)
	p.Users() // a new reader
	p.Leave("ann", now)
	wantChange(t, p, nil, nil, []string{"ann"})

	p.Update("ben", "", Update{Field: "title"}, now)
	p.TakeChange()
	p.Update("ben", "", Update{Field: "body"}, now)
	p.Users()
	p.Update("ben", "", Update{Field: "title"}, now)
	wantChange(t, p, nil, []string{"ben"}, nil)

	p.Update("ben", "", Update{Field: "body"}, now)
	p.Update("ben", "", Update{Field: "title"}, now)
	p.Users() // the reader sees what all know
	wantChange(t, p, nil, nil, nil)
}

func TestTableRefusesClientsBeyondItsLimit(t *testing.T) {
	p, now := New("", lease, 2, nil), presenceStart
	p.Connect("a", "", "", 1, now)
	p.Connect("b", "", "", 1, now)
	if p.Connect("c", "", "", 1, now) {
		t.Error("a third stream was let in")
	}
	if _, ok := p.Update("c", "", Update{}, now); ok {
		t.Error("a third client was let in")
	}
	if _, ok := p.Update("a", "", Update{Field: "x"}, now); !ok {
		t.Error("a client that is there cannot change")
	}
}

func TestTableReleasesItsMemoryWhenACrowdHasLeft(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const clients = 50_000
	p, now := New("", lease, clients, nil), presenceStart
	before := heap()
	for i := range clients {
		p.Connect(strconv.Itoa(i), "", "", i+1, now)
	}
	p.TakeChange()
	full := heap() - before
	for i := range clients {
		p.Leave(strconv.Itoa(i), now)
	}
	p.TakeChange()
	if left := int64(heap()) - int64(before); left > int64(full)/20 {
		t.Errorf("an empty table has %d KiB of %d", left>>10, full>>10)
	}
	runtime.KeepAlive(p)
}
