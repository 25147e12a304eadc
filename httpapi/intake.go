package httpapi

import (
	"container/list"
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/retained"
)

// intake bounds the memory of requests that send something: their bodies while they arrive, what becomes of these, and the
// answers until they are taken. Small bodies have a part of their own, so that large ones do not keep them out. Its methods
// may be called from any goroutine.
//
// A client who is slow cannot keep others out either: while there is no room, the request is cut off that has been waiting
// for its client for longest.
type intake struct {
	mu           sync.Mutex
	small, large lane

	garbage retained.Garbage // what ended requests held
}

// lane is the memory for bodies of one sort.
type lane struct {
	max, used int64
	slow      list.List // of *parcel that wait for their client, the one that has for longest first
}

// parcel is the memory of one request.
type parcel struct {
	intake *intake
	lane   *lane
	bytes  int64
	cut    func()        // ends the waiting for the client
	place  *list.Element // in lane.slow; nil: it does not wait for its client
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

// begin makes the parcel of a request whose body arrives now. cut ends that; it must not block. A parcel is given back with
// end.
func (i *intake) begin(cut func()) *parcel {
	p := &parcel{intake: i, lane: &i.small}
	p.waits(cut)
	return p
}

// waits notes that the request waits for its client, until proceeds is called: then cut may be called, once.
func (p *parcel) waits(cut func()) {
	p.intake.mu.Lock()
	defer p.intake.mu.Unlock()
	if !p.over {
		p.cut = cut
		p.place = p.lane.slow.PushBack(p)
	}
}

// proceeds notes that the request does not wait for its client any more, and cannot be cut off.
func (p *parcel) proceeds() {
	p.intake.mu.Lock()
	defer p.intake.mu.Unlock()
	p.unlist()
}

// hold changes what a parcel takes. It fails with core.ErrOverloaded when there is no room for that or the parcel was cut off.
func (p *parcel) hold(bytes int64) error {
	p.intake.mu.Lock()
	defer p.intake.mu.Unlock()
	if p.over {
		return errIntake
	}
	if p.lane == &p.intake.small && bytes > smallBody {
		p.move(&p.intake.large)
	}
	p.lane.used += bytes - p.bytes
	p.bytes = bytes
	for p.lane.used > p.lane.max {
		oldest := p.lane.slow.Front()
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
	p.intake.garbage.Add(p.bytes)
	p.bytes = 0
	p.unlist()
}

// move takes a parcel to another lane. The lock is held.
func (p *parcel) move(to *lane) {
	waits := p.place != nil
	p.unlist()
	p.lane.used -= p.bytes
	to.used += p.bytes
	p.lane = to
	if waits {
		p.place = to.slow.PushBack(p)
	}
}

// unlist is proceeds with the lock held.
func (p *parcel) unlist() {
	if p.place != nil {
		p.lane.slow.Remove(p.place)
		p.place = nil
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
