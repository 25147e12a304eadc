package server

import (
	"testing"
	"time"
)

const mebibyte = 1 << 20

// alive is a heap without garbage.
func alive(taken int64) heap { return heap{taken: taken, live: taken} }

func TestCollectionIsDueWhenTheHeapTakesMuchMoreThanIsInUse(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		taken, estimate int64
		due             bool
	}{
		{30 * mebibyte, 10 * mebibyte, false}, // little
		{300 * mebibyte, 160 * mebibyte, true},
		{300 * mebibyte, 16 * mebibyte, true},
		{300 * mebibyte, 200 * mebibyte, false},
		{300 * mebibyte, 600 * mebibyte, false},
	} {
		if got := new(collector).due(alive(c.taken), c.estimate, now); got != c.due {
			t.Errorf("%d MiB taken, %d estimated: due is %v", c.taken/mebibyte, c.estimate/mebibyte, got)
		}
	}
}

func TestCollectionsThatFreeLittleBecomeRare(t *testing.T) {
	var c collector
	now := time.Now()
	collections := 0
	for end := now.Add(time.Hour); now.Before(end); now = now.Add(collectorInterval) {
		if c.due(alive(300*mebibyte), 16*mebibyte, now) {
			c.collected(300*mebibyte, 290*mebibyte, now, now.Add(50*time.Millisecond))
			collections++
		}
	}
	if collections < 25 || collections > 40 {
		t.Errorf("there are %d collections in an hour", collections)
	}
}

func TestCollectionsTakeATwentiethOfTheTime(t *testing.T) {
	var c collector
	began := time.Now()
	ended := began.Add(time.Second)
	c.collected(3000*mebibyte, 100*mebibyte, began, ended)
	if c.due(alive(3000*mebibyte), 100*mebibyte, ended.Add(19*time.Second)) {
		t.Error("the next collection comes early")
	}
	if !c.due(alive(3000*mebibyte), 100*mebibyte, ended.Add(20*time.Second)) {
		t.Error("there is no next collection")
	}
}

func TestCollectionAfterOneThatFreedMuchIsSoon(t *testing.T) {
	var c collector
	now := time.Now()
	for range 10 {
		c.collected(300*mebibyte, 290*mebibyte, now, now)
	}
	c.collected(300*mebibyte, 20*mebibyte, now, now)
	if !c.due(alive(300*mebibyte), 16*mebibyte, now.Add(collectorInterval)) {
		t.Error("it is put off")
	}
}

func TestQuietProcessReturnsLittleMemoryToo(t *testing.T) {
	for name, c := range map[string]struct {
		perSecond   int64 // bytes allocated
		taken, live int64
		due         time.Duration // 0: never
	}{
		"quiet, with garbage":          {quietBytes / 10, 40 * mebibyte, 20 * mebibyte, quietTime},
		"quiet, with little garbage":   {quietBytes / 10, 24 * mebibyte, 20 * mebibyte, 0},
		"quiet, with a small heap":     {quietBytes / 10, 4 * mebibyte, 2 * mebibyte, 0},
		"allocating, with garbage":     {quietBytes, 40 * mebibyte, 20 * mebibyte, 0},
		"allocating every two seconds": {quietBytes/2 + 1, 40 * mebibyte, 20 * mebibyte, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var col collector
			began := time.Now()
			var due time.Duration
			for at := time.Duration(0); at < time.Minute && due == 0; at += collectorInterval {
				h := heap{taken: c.taken, live: c.live, allocated: 100*mebibyte + int64(at.Seconds()*float64(c.perSecond))}
				if col.due(h, 100*mebibyte, began.Add(at)) {
					due = at
				}
			}
			if due != c.due {
				t.Errorf("a collection is due after %v, want %v", due, c.due)
			}
		})
	}
}
