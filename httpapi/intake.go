package httpapi

import (
	"container/list"
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/pathsync/pathsync/core"
)

// intake bounds the memory of requests that send something: their bodies while they arrive, and what becomes of these until
// the request is answered. Small bodies have a part of their own, so that large ones do not keep them out. Its methods may
// be called from any goroutine.
//
// A sender who is slow cannot keep others out either: while there is no room, the body that has been arriving for longest is
// cut off.
type intake struct {
	mu           sync.Mutex
	small, large lane
}

// lane is the memory for bodies of one sort.
type lane struct {
	max, used int64
	arriving  list.List // of *parcel, the one that has been for longest first
}

// parcel is the memory of one request.
type parcel struct {
	intake *intake
	lane   *lane
	bytes  int64
	cut    func()        // ends the body's arrival
	place  *list.Element // in lane.arriving; nil: the body is there
	over   bool          // it has been cut off, or given back
}

const (
	smallBody   = 64 << 10
	smallIntake = 64 << 20
	largeIntake = 256 << 20
)

func newIntake() *intake {
	return &intake{small: lane{max: smallIntake}, large: lane{max: largeIntake}}
}

// begin makes the parcel of a body that arrives now. cut is called at most once, and must not block. A parcel is given back
// with end.
func (i *intake) begin(cut func()) *parcel {
	i.mu.Lock()
	defer i.mu.Unlock()
	p := &parcel{intake: i, lane: &i.small, cut: cut}
	p.place = p.lane.arriving.PushBack(p)
	return p
}

// hold changes what a parcel takes. It fails with core.ErrOverloaded when there is no room for that or the parcel was cut off.
func (p *parcel) hold(bytes int64) error {
	p.intake.mu.Lock()
	defer p.intake.mu.Unlock()
	if p.over {
		return errIntake
	}
	if p.lane == &p.intake.small && bytes > smallBody {
		p.leave()
		p.lane = &p.intake.large
		if p.place != nil {
			p.place = p.lane.arriving.PushBack(p)
		}
	}
	p.lane.used += bytes - p.bytes
	p.bytes = bytes
	for p.lane.used > p.lane.max {
		oldest := p.lane.arriving.Front()
		if oldest == nil || oldest.Value == p {
			p.leave()
			p.over = true
			return errIntake
		}
		victim := oldest.Value.(*parcel)
		victim.leave()
		victim.over = true
		victim.cut()
	}
	return nil
}

var errIntake = fmt.Errorf("%w: too much is being sent at once", core.ErrOverloaded)

// arrived notes that the body is there: the parcel is not cut off any more.
func (p *parcel) arrived() {
	p.intake.mu.Lock()
	defer p.intake.mu.Unlock()
	if p.place != nil {
		p.lane.arriving.Remove(p.place)
		p.place = nil
	}
}

// cutOff reports whether the parcel has had to make room for others.
func (p *parcel) cutOff() bool {
	p.intake.mu.Lock()
	defer p.intake.mu.Unlock()
	return p.over
}

// end gives the memory back.
func (p *parcel) end() {
	p.intake.mu.Lock()
	defer p.intake.mu.Unlock()
	if !p.over {
		p.leave()
		p.over = true
	}
}

// leave takes a parcel out of its lane. The lock is held.
func (p *parcel) leave() {
	p.lane.used -= p.bytes
	p.bytes = 0
	if p.place != nil {
		p.lane.arriving.Remove(p.place)
	}
}

// memory is how many bytes are held.
func (i *intake) memory() int64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.small.used + i.large.used
}

// decoding bounds how many large bodies are decoded at a time: meanwhile each takes many times its size. A small one never
// waits for them.
type decoding chan struct{}

func newDecoding() decoding { return make(decoding, max(1, runtime.GOMAXPROCS(0)/2)) }

// decodingTimeout is the longest wait for the turn of a large body. Decoding one takes some 10 ms.
const decodingTimeout = 5 * time.Second

// turn waits until a body of a size may be decoded. done ends its turn.
func (d decoding) turn(ctx context.Context, size int) (done func(), err error) {
	if size <= smallBody {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, decodingTimeout, errIntake)
	defer cancel()
	select {
	case d <- struct{}{}:
		return func() { <-d }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
