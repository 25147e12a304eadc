package budget

import (
	"container/list"
	"fmt"
	"sync"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/retained"
)

// Intake is the memory budget of requests with bodies. Small bodies have a budget of their own, so that large ones cannot
// exhaust it. It is safe for concurrent use.
type Intake struct {
	mu           sync.Mutex
	small, large lane

	garbage retained.Garbage // memory that ended requests had reserved
}

// lane is the budget of small or of large bodies.
type lane struct {
	max, used int64
	waiting   list.List // of *Reservation that wait for their client, the longest wait first
}

// Reservation is the memory of one request. It is safe for concurrent use.
type Reservation struct {
	intake *Intake
	lane   *lane
	bytes  int64
	cut    func()        // ends the wait for the client
	place  *list.Element // in lane.waiting; nil: the request does not wait for its client
	over   bool          // cut off or released
}

// SmallBody is the maximum size of a small body in bytes.
const SmallBody = 64 << 10

const (
	smallIntake = 64 << 20
	largeIntake = 256 << 20
)

// ErrExhausted means that the budget is exhausted, or that the request was cut off. It wraps core.ErrOverloaded.
var ErrExhausted = fmt.Errorf("%w: the memory budget of requests is exhausted", core.ErrOverloaded)

// NewIntake returns an empty budget.
func NewIntake() *Intake {
	return &Intake{small: lane{max: smallIntake}, large: lane{max: largeIntake}}
}

// Begin makes the reservation of a request whose body arrives now. cut ends the wait for the body; it is called at most
// once and must not block. The caller must call Release.
func (i *Intake) Begin(cut func()) *Reservation {
	r := &Reservation{intake: i, lane: &i.small}
	r.WaitsForClient(cut)
	return r
}

// WaitsForClient means that the request waits for its client until Proceeds is called. Until then the request may be cut
// off: cut is called at most once and must not block.
func (r *Reservation) WaitsForClient(cut func()) {
	r.intake.mu.Lock()
	defer r.intake.mu.Unlock()
	if !r.over {
		r.cut = cut
		r.place = r.lane.waiting.PushBack(r)
	}
}

// Proceeds means that the request does not wait for its client any more. It is not cut off from now on.
func (r *Reservation) Proceeds() {
	r.intake.mu.Lock()
	defer r.intake.mu.Unlock()
	r.unlistLocked()
}

// Hold changes the size of the reservation. It fails with ErrExhausted.
func (r *Reservation) Hold(bytes int64) error {
	r.intake.mu.Lock()
	defer r.intake.mu.Unlock()
	if r.over {
		return ErrExhausted
	}
	if r.lane == &r.intake.small && bytes > SmallBody {
		r.moveLocked(&r.intake.large)
	}
	r.intake.garbage.Add(r.bytes - bytes) // of a smaller reservation; Add ignores a larger one
	r.lane.used += bytes - r.bytes
	r.bytes = bytes
	for r.lane.used > r.lane.max {
		longest := r.lane.waiting.Front()
		if longest == nil || longest.Value == r {
			r.endLocked()
			return ErrExhausted
		}
		victim := longest.Value.(*Reservation)
		victim.endLocked()
		victim.cut()
	}
	return nil
}

// CutOff reports whether the request was cut off.
func (r *Reservation) CutOff() bool {
	r.intake.mu.Lock()
	defer r.intake.mu.Unlock()
	return r.over
}

// Release ends the reservation. It may be called repeatedly.
func (r *Reservation) Release() {
	r.intake.mu.Lock()
	defer r.intake.mu.Unlock()
	if !r.over {
		r.endLocked()
	}
}

func (r *Reservation) endLocked() {
	r.lane.used -= r.bytes
	r.intake.garbage.Add(r.bytes)
	r.bytes = 0
	r.unlistLocked()
	r.over = true
}

func (r *Reservation) moveLocked(to *lane) {
	waits := r.place != nil
	r.unlistLocked()
	r.lane.used -= r.bytes
	to.used += r.bytes
	r.lane = to
	if waits {
		r.place = to.waiting.PushBack(r)
	}
}

func (r *Reservation) unlistLocked() {
	if r.place != nil {
		r.lane.waiting.Remove(r.place)
		r.place = nil
	}
}

// Memory returns the reserved memory in bytes. garbage is the memory of ended requests that is not collected yet.
func (i *Intake) Memory() (used, garbage int64) {
	i.mu.Lock()
	used = i.small.used + i.large.used
	i.mu.Unlock()
	return used, i.garbage.Bytes()
}
