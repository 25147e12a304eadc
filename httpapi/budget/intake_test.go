package budget

import (
	"context"
	"errors"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
)

func TestLongestWaitIsCutOffWhenBudgetIsExhausted(t *testing.T) {
	i := NewIntake()
	i.large.max = 3 << 20
	var cut []string
	begin := func(name string) *Reservation { return i.Begin(func() { cut = append(cut, name) }) }
	hold := func(p *Reservation, bytes int64) {
		t.Helper()
		if err := p.Hold(bytes); err != nil {
			t.Fatal(err)
		}
	}
	there, slow, slower := begin("there"), begin("slow"), begin("slower")
	for _, p := range []*Reservation{slower, slow, there} { // as they become large
		hold(p, 1<<20)
	}
	there.Proceeds()
	next := begin("next")
	hold(next, 1<<20)
	if len(cut) != 1 || cut[0] != "slower" || !slower.CutOff() {
		t.Fatalf("cut off: %v", cut)
	}
	if err := slower.Hold(1); !errors.Is(err, core.ErrOverloaded) {
		t.Errorf("a body that was cut off continues: %v", err)
	}
	slower.Release()
	small := begin("small")
	hold(small, SmallBody) // large ones do not take its place
	hold(next, 2<<20)
	if len(cut) != 2 || cut[1] != "slow" {
		t.Fatalf("cut off: %v", cut)
	}
	next.Proceeds()
	if err := begin("too many").Hold(100 << 10); !errors.Is(err, core.ErrOverloaded) {
		t.Errorf("there is room while everything waits for a commit: %v", err)
	}
	there.WaitsForClient(func() { cut = append(cut, "there") }) // to read the response
	hold(begin("in its place"), 100<<10)
	if len(cut) != 3 || cut[2] != "there" {
		t.Fatalf("cut off: %v", cut)
	}
	there.Proceeds()
	for i.large.waiting.Len()+i.small.waiting.Len() > 0 {
		for _, l := range []*lane{&i.small, &i.large} {
			if e := l.waiting.Front(); e != nil {
				e.Value.(*Reservation).Release()
			}
		}
	}
	for _, p := range []*Reservation{there, slow, next, small} {
		p.Release()
		p.Release()
	}
	if used(i) != 0 || i.small.waiting.Len()+i.large.waiting.Len() != 0 {
		t.Errorf("%d bytes are held in the end", used(i))
	}
}

func TestBodyReservesMemoryAsItArrives(t *testing.T) {
	for _, size := range []int{0, 1, firstBody - 1, firstBody, firstBody + 1, secondBody, secondBody + 1, 1 << 20} {
		for _, announced := range []int64{int64(size), -1} {
			i := NewIntake()
			p := i.Begin(func() {})
			text := strings.Repeat("x", size)
			body, err := p.Read(iotest.HalfReader(strings.NewReader(text)), announced)
			if err != nil || string(body) != text {
				t.Fatalf("%d bytes, %d announced: %d are read, %v", size, announced, len(body), err)
			}
			if most := int64(4*size + 4*secondBody); used(i) > most || used(i) < int64(size) {
				t.Errorf("%d bytes, %d announced: %d are held", size, announced, used(i))
			}
		}
	}
	i := NewIntake()
	p := i.Begin(func() {})
	if _, err := p.Read(iotest.TimeoutReader(strings.NewReader("{")), 1<<20); err == nil {
		t.Error("a body that breaks off is whole")
	}
	if used(i) > 2*firstBody {
		t.Errorf("%d bytes are held for one that has arrived", used(i))
	}
}

func TestLargeBodiesWaitForDecodingAndSmallOnesDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := Decoding(make(chan struct{}, 1))
		done, err := d.Acquire(t.Context(), SmallBody+1)
		if err != nil {
			t.Fatal(err)
		}
		if small, err := d.Acquire(t.Context(), SmallBody); err != nil {
			t.Error(err)
		} else {
			small()
		}
		began := time.Now()
		if _, err := d.Acquire(t.Context(), 1<<20); !errors.Is(err, core.ErrOverloaded) || time.Since(began) != decodingTimeout {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := d.Acquire(gone, 1<<20); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		done()
		if done, err = d.Acquire(t.Context(), 1<<20); err != nil {
			t.Error(err)
		}
		done()
	})
}

func TestLargeBodyIsReadInPieces(t *testing.T) {
	text := strings.Repeat("x", 1<<20)
	r := &pieces{Reader: strings.NewReader(text)}
	p := NewIntake().Begin(func() {})
	defer p.Release()
	body, err := p.Read(r, int64(len(text)))
	if err != nil || string(body) != text {
		t.Fatalf("%d bytes are read, %v", len(body), err)
	}
	if r.most > 64<<10 {
		t.Errorf("%d bytes are read at once", r.most)
	}
}

// pieces notes the most that is read at once.
type pieces struct {
	io.Reader
	most int
}

func (r *pieces) Read(p []byte) (int, error) {
	r.most = max(r.most, len(p))
	return r.Reader.Read(p)
}

func TestMemoryOfAnEndedRequestIsGarbageUntilItIsCollected(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.GC()
	i := NewIntake()
	p := i.Begin(func() {})
	if err := p.Hold(1 << 20); err != nil {
		t.Fatal(err)
	}
	if got := i.garbage.Bytes(); got != 0 {
		t.Errorf("%d bytes are garbage while the request holds them", got)
	}
	if err := p.Hold(1 << 10); err != nil { // the response replaces the body
		t.Fatal(err)
	}
	if got := i.garbage.Bytes(); got != 1<<20-1<<10 {
		t.Errorf("%d bytes are garbage after the body", got)
	}
	p.Release()
	if got := i.garbage.Bytes(); got != 1<<20 {
		t.Errorf("%d bytes are garbage, and none were collected", got)
	}
}

func used(i *Intake) int64 {
	used, _ := i.Memory()
	return used
}
