package bus

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestServerIsReachedWhileBothHearEachOther(t *testing.T) {
	start := time.Now()
	us := newHearing("us")
	us.expect([]string{"a", "b"})
	check := func(after time.Duration, want int) {
		t.Helper()
		if expected, reached := us.count(start.Add(after)); expected != 2 || reached != want {
			t.Errorf("after %s, %d of %d servers are reached, not %d", after, reached, expected, want)
		}
	}
	check(0, 0)
	us.record(start, "a", nil)
	check(0, 0) // a does not hear us
	us.record(start, "a", []string{"us", "b"})
	check(0, 1)
	us.record(start, "b", []string{"us"})
	us.record(start, "stranger", []string{"us"})
	check(hearingTimeout-1, 2)
	us.record(start.Add(time.Second), "a", []string{"b"})
	check(time.Second, 1) // the way to a is cut
	us.record(start.Add(2*time.Second), "a", []string{"us", "b"})
	check(hearingTimeout-1, 2)
	check(hearingTimeout, 1) // the way from b is cut
	check(hearingTimeout+2*time.Second, 0)
}

// Two servers exchange heartbeats each second; from one of them they do not arrive.
func TestCutOfOneDirectionIsNoticedByBoth(t *testing.T) {
	now := time.Now()
	a, b := newHearing("a"), newHearing("b")
	a.expect([]string{"b"})
	b.expect([]string{"a"})
	var health []string
	for second := range 12 {
		now = now.Add(beatInterval)
		fromA, fromB := a.list(now), b.list(now)
		if second < 3 || second >= 8 {
			b.record(now, "a", fromA)
		}
		a.record(now, "b", fromB)
		_, reachedByA := a.count(now)
		_, reachedByB := b.count(now)
		health = append(health, fmt.Sprint(reachedByA, reachedByB))
	}
	want := []string{"0 0", "1 1", "1 1", "1 1", "1 1", "0 0", "0 0", "0 0", "0 1", "1 1", "1 1", "1 1"}
	if !slices.Equal(health, want) {
		t.Errorf("the health is %v, not %v", health, want)
	}
}

func TestListHasTheServersThatAreHeard(t *testing.T) {
	start := time.Now()
	us := newHearing("us")
	us.record(start, "b", nil)
	us.record(start.Add(time.Second), "a", nil)
	for after, want := range map[time.Duration]string{time.Second: "a b", hearingTimeout: "a", hearingTimeout + time.Second: ""} {
		fresh := newHearing("us")
		for server, beat := range us.heard {
			fresh.heard[server] = beat
		}
		if got := string(encodeBeat(fresh.list(start.Add(after)))); got != want {
			t.Errorf("after %s, %q are heard, not %q", after, got, want)
		}
	}
	us.list(start.Add(hearingTimeout))
	if len(us.heard) != 1 {
		t.Errorf("%d servers are remembered", len(us.heard))
	}
}

func TestHeartbeatIsAnsweredAtOnceIfTheSenderIsNewOrDoesNotHearUs(t *testing.T) {
	start := time.Now()
	us := newHearing("us")
	for _, beat := range []struct {
		after time.Duration
		hears string
		want  bool
	}{
		{0, "us", true},
		{time.Second, "us", false},
		{2 * time.Second, "", true},
		{3 * time.Second, "us other", false},
		{6 * time.Second, "us", true},
	} {
		if got := us.record(start.Add(beat.after), "a", decodeBeat([]byte(beat.hears))); got != beat.want {
			t.Errorf("after %s: %t", beat.after, got)
		}
	}
}
