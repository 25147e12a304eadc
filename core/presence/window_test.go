package presence

import (
	"testing"
	"time"
)

const minWindow = 50 * time.Millisecond

// runWindow opens a window, adds changes at intervals, and returns how long it was open.
func runWindow(w *Window, load Load, interval time.Duration, changes int) time.Duration {
	began := presenceStart
	now, left := began, changes
	w.Touch(now)
	next := began.Add(interval)
	for end := w.End(load); now.Before(end); end = w.End(load) {
		now = end
		if left > 0 && next.Before(end) {
			now = next
			w.Touch(now)
			next, left = next.Add(interval), left-1
		}
	}
	w.Close(load, now)
	return now.Sub(began)
}

func TestWindowGrowsWithTheCostOfServingIt(t *testing.T) {
	for name, c := range map[string]struct {
		load    Load
		shorter time.Duration
		longer  time.Duration
	}{
		"nobody reads":                  {Load{Clients: 10_000, Changes: 10_000}, minWindow, minWindow},
		"a few hundred who all change":  {Load{Clients: 250, Changes: 250, Readers: 250}, minWindow, minWindow},
		"one of a thousand changes":     {Load{Clients: 1000, Changes: 1, Readers: 1000}, minWindow, minWindow},
		"one of ten thousand changes":   {Load{Clients: 10_000, Changes: 1, Readers: 10_000}, 200 * time.Millisecond, 400 * time.Millisecond},
		"a thousand who all change":     {Load{Clients: 1000, Changes: 1000, Readers: 1000}, 500 * time.Millisecond, 800 * time.Millisecond},
		"ten thousand who all change":   {Load{Clients: 10_000, Changes: 10_000, Readers: 10_000}, MaxWindow, MaxWindow},
		"a few clients, a large public": {Load{Clients: 3, Changes: 1, Readers: 20_000}, 500 * time.Millisecond, 700 * time.Millisecond},
	} {
		w := Window{Min: minWindow}
		if open := runWindow(&w, c.load, minWindow, 1000); open < c.shorter || open > c.longer {
			t.Errorf("%s: the window is open for %v, want %v to %v", name, open, c.shorter, c.longer)
		}
	}
}

func TestWindowEndsSoonAfterACrowdHasJoined(t *testing.T) {
	w := Window{Min: minWindow}
	load := Load{Clients: 5000, Changes: 5000, Readers: 5000}
	if open := runWindow(&w, load, time.Millisecond, 900); open != 900*time.Millisecond+quietWindows*minWindow {
		t.Errorf("the window is open for %v", open)
	}
}

// Otherwise changes with pauses would cost more than the room's share of a processor.
func TestWindowWaitsUntilTheLastOneIsPaid(t *testing.T) {
	w := Window{Min: minWindow}
	load := Load{Clients: 2000, Changes: 500, Readers: 2000}
	cost := 2000 * (writeCost + 500*clientCost)
	first := runWindow(&w, load, time.Millisecond, 0)
	if first != quietWindows*minWindow {
		t.Fatalf("the first window is open for %v", first)
	}
	w.Touch(presenceStart.Add(first))
	if end := w.End(load).Sub(presenceStart); end < first+windowShare*cost {
		t.Errorf("the second window ends after %v", end)
	}
	w.Touch(presenceStart.Add(time.Minute))
	if end := w.End(Load{Clients: 2000, Changes: 1, Readers: 1}); end.After(presenceStart.Add(time.Minute)) {
		t.Errorf("after a minute, a change waits until %v", end)
	}
}

func TestOnlyACrowdWaitsForTheList(t *testing.T) {
	for name, c := range map[string]struct{ clients, atOnce int }{
		"a small room":   {200, listedAtOnce / 200},
		"a large room":   {10_000, listedAtOnce / 10_000},
		"an endless one": {2 * listedAtOnce, 1},
	} {
		w := Window{Min: minWindow}
		w.Touch(presenceStart)
		for i := range c.atOnce {
			if !w.List(c.clients) {
				t.Fatalf("%s: reader %d waits", name, i)
			}
		}
		if w.List(c.clients) {
			t.Errorf("%s: the next reader gets the list at once", name)
		}
		if !w.Close(Load{}, presenceStart) {
			t.Errorf("%s: nobody waits", name)
		}
		if w.Touch(presenceStart); !w.List(c.clients) || w.Close(Load{}, presenceStart) {
			t.Errorf("%s: in the next window, the first reader waits", name)
		}
	}
}
