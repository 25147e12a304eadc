package limit

import (
	"testing"
	"time"
)

var noon = time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC)

// drain takes all tokens and returns their number.
func drain(b *rateLimit[int], key int, now time.Time) (taken int) {
	for {
		if _, ok := b.take(key, now); !ok {
			return taken
		}
		taken++
	}
}

func TestRateAllowsBurstOfTenSecondsAndRefills(t *testing.T) {
	for _, c := range []struct {
		perSecond float64
		after     time.Duration
		burst     int
		then      int
	}{
		{perSecond: 5, after: time.Second, burst: 50, then: 5},
		{perSecond: 5, after: 100 * time.Millisecond, burst: 50, then: 0},
		{perSecond: 5, after: time.Hour, burst: 50, then: 50},
		{perSecond: 0.05, after: 19 * time.Second, burst: 1, then: 0},
		{perSecond: 0.05, after: 20 * time.Second, burst: 1, then: 1},
	} {
		b := newRateLimit[int](c.perSecond, 10)
		if n := drain(b, 1, noon); n != c.burst {
			t.Errorf("%v a second: %d at once, want %d", c.perSecond, n, c.burst)
		}
		if n := drain(b, 1, noon.Add(c.after)); n != c.then {
			t.Errorf("%v a second: %d after %v, want %d", c.perSecond, n, c.after, c.then)
		}
	}
}

func TestRefusalHasTheTimeUntilTheNextToken(t *testing.T) {
	b := newRateLimit[int](0.5, 10)
	drain(b, 1, noon)
	wait, ok := b.take(1, noon.Add(500*time.Millisecond))
	if ok || wait.Round(time.Millisecond) != 1500*time.Millisecond {
		t.Errorf("%v, %v", wait, ok)
	}
	if _, ok := b.take(1, noon.Add(2*time.Second)); !ok {
		t.Error("there is no token at the announced time")
	}
}

// Refused requests take no tokens: otherwise a client that retries would never be accepted again.
func TestRefusedRequestTakesNoToken(t *testing.T) {
	b := newRateLimit[int](1, 10)
	drain(b, 1, noon)
	for i := range 99 {
		b.take(1, noon.Add(time.Duration(i)*10*time.Millisecond))
	}
	if n := drain(b, 1, noon.Add(time.Second)); n != 1 {
		t.Errorf("%d tokens, want 1", n)
	}
}

func TestEachKeyHasItsOwnRate(t *testing.T) {
	b := newRateLimit[int](1, 10)
	drain(b, 1, noon)
	if n := drain(b, 2, noon); n != 10 {
		t.Errorf("the second key has %d tokens", n)
	}
}

func TestBucketInUseIsNotForgotten(t *testing.T) {
	b := newRateLimit[int](1, 10)
	taken := drain(b, 1, noon)
	for s := range 100 {
		taken += drain(b, 1, noon.Add(time.Duration(s)*time.Second))
	}
	if taken != 10+99 {
		t.Errorf("%d tokens were taken in 99 s", taken)
	}
}

func TestMemoryIsBoundedWithManyKeys(t *testing.T) {
	b := newRateLimit[int](1, 100)
	for key := range 100_000 {
		b.take(key, noon)
		if n := len(b.young) + len(b.old); n > 200 {
			t.Fatalf("%d buckets are remembered", n)
		}
	}
	b.take(0, noon.Add(time.Hour))
	b.take(0, noon.Add(2*time.Hour))
	if n := len(b.young) + len(b.old); n > 2 {
		t.Errorf("%d buckets are remembered long after", n)
	}
}

func TestZeroRateIsNoLimit(t *testing.T) {
	b := newRateLimit[int](0, 10)
	for range 1000 {
		if _, ok := b.take(1, noon); !ok {
			t.Fatal("a request is refused")
		}
	}
	if len(b.young) > 0 {
		t.Error("buckets exist without a rate")
	}
}
