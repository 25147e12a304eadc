package core

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestOpeningsListEverySlotThatStaysOnce(t *testing.T) {
	var o openings
	var open []*slot
	var staying []*slot
	for i := range 2000 {
		s := &slot{}
		o.add(s)
		if open = append(open, s); i%10 == 0 {
			staying = append(staying, s)
		}
	}
	var seen []*slot
	for position := uint64(0); ; {
		page := 0
		for s := range o.after(position) {
			if page == 7 {
				break
			}
			page, position = page+1, s.opening
			if slices.Contains(staying, s) {
				seen = append(seen, s)
			}
		}
		if page == 0 {
			break
		}
		for range 20 { // others come and go between two pages
			i := rand.IntN(len(open))
			if s := open[i]; !slices.Contains(staying, s) {
				o.remove(s)
				o.remove(s) // again
				open = slices.Delete(open, i, i+1)
			}
			if len(o.slots) < 4000 {
				o.add(&slot{})
			}
		}
	}
	if !slices.Equal(seen, staying) {
		t.Errorf("%d slots were seen, want the %d that stayed, in their order", len(seen), len(staying))
	}
}

// Otherwise a page could cost as much as all rooms that were ever open.
func TestRemovedOpeningsLeaveMemory(t *testing.T) {
	var o openings
	var open []*slot
	for range 10_000 {
		s := &slot{}
		o.add(s)
		if open = append(open, s); len(open) > 10 {
			o.remove(open[0])
			open = open[1:]
		}
		if len(o.slots) > 2*len(open)+1 {
			t.Fatalf("%d entries for %d slots", len(o.slots), len(open))
		}
	}
}
