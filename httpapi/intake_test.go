package httpapi

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

func TestTheBodyThatArrivesForLongestMakesRoomForOthers(t *testing.T) {
	i := newIntake()
	i.large.max = 3 << 20
	var cut []string
	begin := func(name string) *parcel { return i.begin(func() { cut = append(cut, name) }) }
	hold := func(p *parcel, bytes int64) {
		t.Helper()
		if err := p.hold(bytes); err != nil {
			t.Fatal(err)
		}
	}
	there, slow, slower := begin("there"), begin("slow"), begin("slower")
	for _, p := range []*parcel{slower, slow, there} { // as they become large
		hold(p, 1<<20)
	}
	there.proceeds()
	next := begin("next")
	hold(next, 1<<20)
	if len(cut) != 1 || cut[0] != "slower" || !slower.cutOff() {
		t.Fatalf("cut off: %v", cut)
	}
	if err := slower.hold(1); !errors.Is(err, core.ErrOverloaded) {
		t.Errorf("a body that was cut off goes on: %v", err)
	}
	slower.end()
	small := begin("small")
	hold(small, smallBody) // large ones do not take its place
	hold(next, 2<<20)
	if len(cut) != 2 || cut[1] != "slow" {
		t.Fatalf("cut off: %v", cut)
	}
	next.proceeds()
	if err := begin("too many").hold(100 << 10); !errors.Is(err, core.ErrOverloaded) {
		t.Errorf("there is room while everything waits for a commit: %v", err)
	}
	there.waits(func() { cut = append(cut, "there") }) // for its answer to be taken
	hold(begin("in its place"), 100<<10)
	if len(cut) != 3 || cut[2] != "there" {
		t.Fatalf("cut off: %v", cut)
	}
	there.proceeds()
	for i.large.slow.Len()+i.small.slow.Len() > 0 {
		for _, l := range []*lane{&i.small, &i.large} {
			if e := l.slow.Front(); e != nil {
				e.Value.(*parcel).end()
			}
		}
	}
	for _, p := range []*parcel{there, slow, next, small} {
		p.end()
		p.end()
	}
	if i.memory() != 0 || i.small.slow.Len()+i.large.slow.Len() != 0 {
		t.Errorf("%d bytes are held in the end", i.memory())
	}
}

func TestABodyTakesTheMemoryOfWhatHasArrived(t *testing.T) {
	for _, size := range []int{0, 1, firstBody - 1, firstBody, firstBody + 1, secondBody, secondBody + 1, 1 << 20} {
		for _, announced := range []int64{int64(size), -1} {
			i := newIntake()
			p := i.begin(func() {})
			text := strings.Repeat("x", size)
			body, err := read(iotest.HalfReader(strings.NewReader(text)), announced, p)
			if err != nil || string(body) != text {
				t.Fatalf("%d bytes, %d announced: %d are read, %v", size, announced, len(body), err)
			}
			if most := int64(4*size + 4*secondBody); i.memory() > most || i.memory() < int64(size) {
				t.Errorf("%d bytes, %d announced: %d are held", size, announced, i.memory())
			}
		}
	}
	i := newIntake()
	p := i.begin(func() {})
	if _, err := read(iotest.TimeoutReader(strings.NewReader("{")), 1<<20, p); err == nil {
		t.Error("a body that breaks off is whole")
	}
	if i.memory() > 2*firstBody {
		t.Errorf("%d bytes are held for one that has arrived", i.memory())
	}
}

func TestLargeBodiesAreDecodedInTurnAndSmallOnesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := decoding(make(chan struct{}, 1))
		done, err := d.turn(t.Context(), smallBody+1)
		if err != nil {
			t.Fatal(err)
		}
		if small, err := d.turn(t.Context(), smallBody); err != nil {
			t.Error(err)
		} else {
			small()
		}
		began := time.Now()
		if _, err := d.turn(t.Context(), 1<<20); !errors.Is(err, core.ErrOverloaded) || time.Since(began) != decodingTimeout {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := d.turn(gone, 1<<20); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		done()
		if done, err = d.turn(t.Context(), 1<<20); err != nil {
			t.Error(err)
		}
		done()
	})
}

func TestLargeBodyIsReadInPieces(t *testing.T) {
	text := strings.Repeat("x", 1<<20)
	r := &pieces{Reader: strings.NewReader(text)}
	p := newIntake().begin(func() {})
	defer p.end()
	body, err := read(r, int64(len(text)), p)
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
	i := newIntake()
	p := i.begin(func() {})
	if err := p.hold(1 << 20); err != nil {
		t.Fatal(err)
	}
	if got := i.garbage.Bytes(); got != 0 {
		t.Errorf("%d bytes are garbage while the request holds them", got)
	}
	p.end()
	if got := i.garbage.Bytes(); got != 1<<20 {
		t.Errorf("%d bytes are garbage, and none were collected", got)
	}
}
