package core

import (
	"cmp"
	"errors"
	"iter"
	"slices"
	"strconv"
)

// openings are the slots of a hub in the order in which they were added. A page of them costs as much as the page, also
// when there are many. The hub's lock guards it.
type openings struct {
	slots []opening
	last  uint64 // number of the newest slot
	holes int    // removed slots
}

// opening is a slot and its number. The slot is nil once it was removed.
type opening struct {
	number uint64
	slot   *slot
}

// add numbers a slot.
func (o *openings) add(s *slot) {
	o.last++
	s.opening = o.last
	o.slots = append(o.slots, opening{o.last, s})
}

// remove removes a slot. When half of the slots are holes, it closes them: that costs a constant time for each removal.
func (o *openings) remove(s *slot) {
	i := o.position(s.opening)
	if i == len(o.slots) || o.slots[i].slot != s {
		return
	}
	o.slots[i].slot = nil
	if o.holes++; o.holes*2 > len(o.slots) {
		o.slots = slices.Clip(slices.DeleteFunc(o.slots, func(e opening) bool { return e.slot == nil }))
		o.holes = 0
	}
}

// after returns the slots with higher numbers.
func (o *openings) after(number uint64) iter.Seq[*slot] {
	return func(yield func(*slot) bool) {
		for _, e := range o.slots[o.position(number+1):] {
			if e.slot != nil && !yield(e.slot) {
				return
			}
		}
	}
}

// position returns the index of the first slot with a number, or a higher one.
func (o *openings) position(number uint64) int {
	i, _ := slices.BinarySearchFunc(o.slots, number, func(e opening, n uint64) int { return cmp.Compare(e.number, n) })
	return i
}

// ErrInvalidPosition means that the position in a list of rooms is not one that the list has returned.
var ErrInvalidPosition = errors.New("this position is not from this list")

func formatOpening(number uint64) string { return strconv.FormatUint(number, 10) }

func parseOpening(text string) (number uint64, err error) {
	if text == "" {
		return 0, nil
	}
	if number, err = strconv.ParseUint(text, 10, 63); err != nil {
		return 0, ErrInvalidPosition
	}
	return number, nil
}
