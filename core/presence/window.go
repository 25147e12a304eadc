package presence

import "time"

// Window decides how long changes are collected before readers get them, and which readers get the list at once. It is pure:
// callers pass the time in. The zero value with a Min is closed.
//
// Serving a window costs a write to each reader, and the encoded clients that each of them gets. A window is so long that the
// room takes 1/windowShare of a processor for presence, between Min and MaxWindow. It ends earlier when nothing has changed
// for a while, unless the last window has used more than that share.
type Window struct {
	Min time.Duration

	began   time.Time // zero: closed
	last    time.Time // of the last change or list
	paid    time.Time // until then, the last window has used the room's share of a processor
	listed  int       // clients in the lists that were sent at once
	waiting int       // readers that wait for the list
}

// Load is what a window has to serve at its end.
type Load struct {
	Clients int // present
	Changes int // clients that have changed
	Readers int // that get the changes
}

const (
	// MaxWindow is the longest time for which changes are collected, unless Window.Min is longer.
	MaxWindow = 3 * time.Second

	windowShare = 6
	// listedAtOnce is the number of clients in all lists that are sent at once in one window, unless the first one is longer.
	listedAtOnce = 64 << 10
	// quietWindows is the time without a change after which a window ends, in multiples of Min.
	quietWindows = 4

	writeCost  = 5 * time.Microsecond  // of one write to one reader
	clientCost = 100 * time.Nanosecond // of one encoded client in a write
)

// Touch records a change or a list. It opens the window if it is closed, and reports that.
func (w *Window) Touch(now time.Time) (opened bool) {
	if opened = w.began.IsZero(); opened {
		w.began = now
	}
	w.last = now
	return opened
}

// List decides whether a reader that needs the list of some clients gets it at once. Otherwise the reader waits until the end
// of the window: in a crowd, the data of all readers comes before the lists, and a list has everyone who has joined meanwhile.
func (w *Window) List(clients int) (atOnce bool) {
	if w.listed > 0 && w.listed+clients > listedAtOnce {
		w.waiting++
		return false
	}
	w.listed += clients
	return true
}

// End returns the time at which an open window ends, as of now.
func (w *Window) End(l Load) time.Time {
	end := w.began.Add(w.interval(l))
	if quiet := w.last.Add(quietWindows * w.Min); quiet.Before(end) {
		end = quiet
	}
	if end.Before(w.paid) {
		return w.paid
	}
	return end
}

// IsOpen reports whether the window is open.
func (w *Window) IsOpen() bool { return !w.began.IsZero() }

// Close ends the window, and reports whether readers wait for the list.
func (w *Window) Close(l Load, now time.Time) (waiting bool) {
	waiting = w.waiting > 0
	*w = Window{Min: w.Min, paid: now.Add(w.interval(l))}
	return waiting
}

// interval returns the time in which serving the window takes the room's share of a processor.
func (w *Window) interval(l Load) time.Duration {
	changes := time.Duration(l.Readers) * (writeCost + time.Duration(l.Changes)*clientCost)
	lists := time.Duration(w.waiting) * time.Duration(l.Clients) * clientCost
	return max(w.Min, min(windowShare*(changes+lists), MaxWindow))
}
