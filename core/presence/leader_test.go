package presence

import (
	"slices"
	"strconv"
	"testing"
	"time"
)

func readAlong(p *Table, clientID, via string, now time.Time) {
	p.Update(clientID, "", Update{Via: &via}, now)
}

// pair is a room in which bob reads along with ada's stream, of which everybody knows.
func pair(now time.Time) *Table {
	p := New(lease, 10, nil)
	p.Connect("ada", "", "", 1, now)
	readAlong(p, "bob", "ada", now)
	p.TakeChange()
	return p
}

func wantNoLease(t *testing.T, p *Table) {
	t.Helper()
	if at, running := p.NextExpiry(); running {
		t.Errorf("a lease runs until %v", at)
	}
}

// wantLease expects that the next to leave are those named, a lease after a moment, and not before.
func wantLease(t *testing.T, p *Table, since time.Time, left ...string) {
	t.Helper()
	if at, ok := p.NextExpiry(); !ok || !at.Equal(since.Add(lease)) {
		t.Errorf("the next lease ends at %v, %v; want %v", at, ok, since.Add(lease))
	}
	p.TakeChange()
	p.Expire(since.Add(lease - 1))
	wantChange(t, p, nil, nil, nil)
	p.Expire(since.Add(lease))
	if c, _ := p.TakeChange(); !slices.Equal(slices.Sorted(slices.Values(c.Left)), left) {
		t.Errorf("%v have left, want %v", c.Left, left)
	}
}

func TestFollowerIsPresentWhileLeaderStreamIsOpen(t *testing.T) {
	now := presenceStart
	p := pair(now)
	wantNoLease(t, p)
	p.Expire(now.Add(24 * time.Hour))
	wantChange(t, p, nil, nil, nil)
	if len(p.Users()) != 2 {
		t.Errorf("present: %+v", p.Users())
	}
}

func TestFollowerGetsLeaseWhenLeaderStreamEnds(t *testing.T) {
	p, end := pair(presenceStart), presenceStart.Add(24*time.Hour)
	readAlong(p, "cy", "", end) // with nobody
	p.Leave("cy", end)
	p.Disconnect("ada", 1, end)
	p.Leave("ada", end.Add(time.Second)) // its stream has ended already: nothing begins anew
	wantLease(t, p, end, "bob")
	if !p.Idle() || len(p.followers) > 0 {
		t.Errorf("something is left behind: %v", p.followers)
	}
}

func TestFollowerGetsLeaseWhenLeaderLeaves(t *testing.T) {
	p, end := pair(presenceStart), presenceStart.Add(24*time.Hour)
	p.Leave("ada", end)
	p.Disconnect("ada", 1, end.Add(time.Second)) // the stream ends later
	wantLease(t, p, end, "bob")
}

func TestEndOfReplacedStreamStartsNoLeases(t *testing.T) {
	p, later := pair(presenceStart), presenceStart.Add(time.Hour)
	p.Connect("ada", "", "", 2, later)
	p.Disconnect("ada", 1, later)
	wantNoLease(t, p)
}

func TestFollowerWithNewLeaderInTimeDoesNotChangePresence(t *testing.T) {
	p, end := pair(presenceStart), presenceStart.Add(time.Hour)
	readAlong(p, "cy", "ada", end)
	p.TakeChange()
	p.Leave("ada", end)
	p.Expire(end.Add(lease - 1))
	p.Connect("bob", "", "", 1, end.Add(lease-1))
	readAlong(p, "cy", "bob", end.Add(lease-1))
	p.Expire(end.Add(24 * time.Hour))
	wantChange(t, p, nil, nil, []string{"ada"})
	wantNoLease(t, p)
}

func TestFollowerStaysWhenLeaderReconnectsInTime(t *testing.T) {
	p, end := pair(presenceStart), presenceStart.Add(time.Hour)
	p.Disconnect("ada", 1, end)
	p.Connect("ada", "", "", 2, end.Add(lease-1))
	p.Expire(end.Add(24 * time.Hour))
	wantChange(t, p, nil, nil, nil)
	p.Disconnect("ada", 2, end.Add(24*time.Hour))
	wantLease(t, p, end.Add(24*time.Hour), "ada", "bob")
}

func TestFollowerThatOpensAStreamHasNoLeader(t *testing.T) {
	p, end := pair(presenceStart), presenceStart.Add(time.Hour)
	p.Connect("bob", "", "", 1, presenceStart)
	p.Disconnect("bob", 1, end)
	wantLease(t, p, end, "bob") // although ada's stream is open
}

func TestLeaderStaysUntilItIsCleared(t *testing.T) {
	p, later := pair(presenceStart), presenceStart.Add(time.Hour)
	p.Update("bob", "", Update{Field: "title"}, later)
	wantNoLease(t, p)
	readAlong(p, "bob", "", later)
	wantLease(t, p, later, "bob")
}

func TestLeaderWithoutStreamDoesNotKeepFollowersPresent(t *testing.T) {
	now := presenceStart
	for name, p := range map[string]*Table{"nobody": New(lease, 10, nil), "itself": New(lease, 10, nil), "who reads along": pair(now)} {
		t.Run(name, func(t *testing.T) {
			via := map[string]string{"nobody": "nobody", "itself": "cy", "who reads along": "bob"}[name]
			readAlong(p, "cy", via, now)
			wantLease(t, p, now, "cy")
		})
	}
}

func TestLeaderThatConnectsLaterKeepsFollowersPresent(t *testing.T) {
	p, now := New(lease, 10, nil), presenceStart
	readAlong(p, "bob", "ada", now)
	p.Connect("ada", "", "", 1, now.Add(lease-1))
	p.Expire(now.Add(24 * time.Hour))
	if len(p.Users()) != 2 {
		t.Errorf("present: %+v", p.Users())
	}
}

func TestLeaderOfAnotherUserDoesNotKeepFollowersPresent(t *testing.T) {
	p, now, via := New(lease, 10, nil), presenceStart, "ada"
	p.Update("mal", "mallory", Update{Via: &via}, now) // before ada is there
	p.Connect("ada", "ann", "", 1, now)
	p.Disconnect("ada", 1, now.Add(lease/2)) // nor does its end give a lease
	p.Connect("ada", "ann", "", 2, now.Add(lease/2))
	wantLease(t, p, now, "mal")
}

// Whoever names ever others leaves nothing behind, and who reads along takes a place as everybody does.
func TestFollowersOfAbsentLeadersAreForgotten(t *testing.T) {
	p, now := New(lease, 2, nil), presenceStart
	for n := range 1000 {
		readAlong(p, "bob", strconv.Itoa(n), now)
		readAlong(p, "cy", strconv.Itoa(n), now)
	}
	if len(p.followers) != 1 || len(p.followers["999"]) != 2 {
		t.Errorf("%d clients are remembered", len(p.followers))
	}
	via := "bob"
	if _, ok := p.Update("dan", "", Update{Via: &via}, now); ok {
		t.Error("a third client was let in")
	}
	p.Expire(now.Add(lease))
	if len(p.followers) > 0 {
		t.Errorf("left behind: %v", p.followers)
	}
}
