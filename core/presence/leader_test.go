package presence

import (
	"slices"
	"strconv"
	"testing"
	"time"
)

func follow(p *Table, clientID, via string, now time.Time) {
	p.Update(clientID, "", Update{Via: &via}, now)
}

// pair returns a table in which bob follows ada, without pending changes.
func pair(now time.Time) *Table {
	p := New("", lease, 10, nil)
	p.Connect("ada", "", "", 1, now)
	follow(p, "bob", "ada", now)
	p.TakeChange()
	return p
}

func wantNoLease(t *testing.T, p *Table) {
	t.Helper()
	if at, running := p.NextExpiry(); running {
		t.Errorf("a lease runs until %v", at)
	}
}

// wantLease expects that these clients leave one lease after a time, and that no client leaves before.
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
	follow(p, "cy", "", end) // without a leader
	p.Leave("cy", end)
	p.Disconnect("ada", 1, end)
	p.Leave("ada", end.Add(time.Second)) // its stream has ended before: no new lease
	wantLease(t, p, end, "bob")
	if !p.Idle() || len(p.followers) > 0 {
		t.Errorf("something is left behind: %v", p.followers)
	}
}

func TestFollowerGetsLeaseWhenLeaderLeaves(t *testing.T) {
	p, end := pair(presenceStart), presenceStart.Add(24*time.Hour)
	p.Leave("ada", end)
	p.Disconnect("ada", 1, end.Add(time.Second)) // a late Disconnect
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
	follow(p, "cy", "ada", end)
	p.TakeChange()
	p.Leave("ada", end)
	p.Expire(end.Add(lease - 1))
	p.Connect("bob", "", "", 1, end.Add(lease-1))
	follow(p, "cy", "bob", end.Add(lease-1))
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
	wantLease(t, p, end, "bob") // although ada has a stream
}

func TestLeaderStaysUntilItIsCleared(t *testing.T) {
	p, later := pair(presenceStart), presenceStart.Add(time.Hour)
	p.Update("bob", "", Update{Field: "title"}, later)
	wantNoLease(t, p)
	follow(p, "bob", "", later)
	wantLease(t, p, later, "bob")
}

func TestLeaderWithoutStreamDoesNotKeepFollowersPresent(t *testing.T) {
	now := presenceStart
	for name, p := range map[string]*Table{"nobody": New("", lease, 10, nil), "itself": New("", lease, 10, nil), "a follower": pair(now)} {
		t.Run(name, func(t *testing.T) {
			via := map[string]string{"nobody": "nobody", "itself": "cy", "a follower": "bob"}[name]
			follow(p, "cy", via, now)
			wantLease(t, p, now, "cy")
		})
	}
}

func TestLeaderThatConnectsLaterKeepsFollowersPresent(t *testing.T) {
	p, now := New("", lease, 10, nil), presenceStart
	follow(p, "bob", "ada", now)
	p.Connect("ada", "", "", 1, now.Add(lease-1))
	p.Expire(now.Add(24 * time.Hour))
	if len(p.Users()) != 2 {
		t.Errorf("present: %+v", p.Users())
	}
}

func TestLeaderOfAnotherUserDoesNotKeepFollowersPresent(t *testing.T) {
	p, now, via := New("", lease, 10, nil), presenceStart, "ada"
	p.Update("mal", "mallory", Update{Via: &via}, now) // before ada connects
	p.Connect("ada", "ann", "", 1, now)
	p.Disconnect("ada", 1, now.Add(lease/2)) // its end starts no lease
	p.Connect("ada", "ann", "", 2, now.Add(lease/2))
	wantLease(t, p, now, "mal")
}

// A client that changes its leader leaves no entries behind. A follower counts towards the limit.
func TestFollowersOfAbsentLeadersAreForgotten(t *testing.T) {
	p, now := New("", lease, 2, nil), presenceStart
	for n := range 1000 {
		follow(p, "bob", strconv.Itoa(n), now)
		follow(p, "cy", strconv.Itoa(n), now)
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
