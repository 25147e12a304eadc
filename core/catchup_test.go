package core_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
)

func tailed(c *core.Config) { c.TailInterval = 100 * time.Millisecond }

func delivered(r *core.Room) []int64 { return r.Listener().(*recorder).delivered() }

func TestReadersGetBatchesOfAnotherServerWithinTailInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, m := memstore.New(), new(measurer)
		one, two := newHub(t, store), newHub(t, store, tailed, measuredBy(m))
		read := room(t, two, "r")
		synctest.Wait()
		for n := range int64(3) {
			submit(t, room(t, one, "r"), batch(t, "ada", n+1, "set x 1"))
		}
		submit(t, room(t, one, "not open at the reader"), batch(t, "ada", 1, "set x 1"))
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := delivered(read); !slices.Equal(got, []int64{1, 2, 3}) {
			t.Errorf("readers got %v", got)
		}
		wantDocument(t, read, `{"x":1}`)
		if n := m.read(); n.read != 3 {
			t.Errorf("%+v", n)
		}
	})
}

func TestBatchCommittedElsewhereWhileRoomOpensIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		one := newHub(t, store)
		slow := &slowLog{Store: store, read: make(chan struct{}), release: make(chan struct{})}
		two := newHub(t, slow, tailed)
		synctest.Wait()
		go two.Room(t.Context(), "r")
		<-slow.read // it has read an empty log
		submit(t, room(t, one, "r"), batch(t, "ada", 1, "set x 1"))
		time.Sleep(time.Second) // the tail has named the batch
		close(slow.release)
		synctest.Wait()
		if got := delivered(room(t, two, "r")); !slices.Equal(got, []int64{1}) {
			t.Errorf("readers got %v", got)
		}
	})
}

func TestBatchThatOnlyLogNamesWhileRoomOpensIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		one := newHub(t, store)
		lossy := &lossyTail{Store: store}
		slow := &slowLog{Store: lossy, read: make(chan struct{}), release: make(chan struct{})}
		two := newHub(t, slow, tailed)
		synctest.Wait()
		go two.Room(t.Context(), "r") // it only opens the room
		<-slow.read                   // it has read an empty log
		lossy.lost.Store(true)
		submit(t, room(t, one, "r"), batch(t, "ada", 1, "set x 1"))
		time.Sleep(time.Second) // the tail has been opened again, behind the batch
		close(slow.release)
		synctest.Wait()
		if got := delivered(room(t, two, "r")); !slices.Equal(got, []int64{1}) {
			t.Errorf("readers got %v", got)
		}
	})
}

func TestRoomCatchesUpByMoreThanOnePageAfterTailIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		one := newHub(t, store)
		lossy := &lossyTail{Store: store}
		two := newHub(t, lossy, func(c *core.Config) { c.TailInterval = time.Minute })
		read := room(t, two, "r")
		synctest.Wait()
		lossy.lost.Store(true)
		const batches = 1234
		for n := range int64(batches) {
			submit(t, room(t, one, "r"), batch(t, "ada", n+1, "set x 1"))
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if got := delivered(read); len(got) != batches {
			t.Errorf("readers got %d batches", len(got))
		}
	})
}

func TestBatchCommittedElsewhereWhileRoomIsComparedWithLogIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		one := newHub(t, store)
		lossy := &lossyTail{Store: store}
		slow := &slowLog{Store: lossy, read: make(chan struct{}), release: make(chan struct{}), again: true}
		two := newHub(t, slow, tailed)
		read := room(t, two, "r")
		synctest.Wait()
		slow.again = false
		lossy.lost.Store(true)
		submit(t, room(t, one, "other"), batch(t, "ada", 1, "set x 1"))
		<-slow.read // the room has been compared with an empty log
		submit(t, room(t, one, "r"), batch(t, "ada", 2, "set x 1"))
		time.Sleep(time.Second) // the tail has named the batch
		close(slow.release)
		synctest.Wait()
		if got := delivered(read); !slices.Equal(got, []int64{1}) {
			t.Errorf("readers got %v", got)
		}
	})
}

// slowLog returns the first result of Log when the test releases it.
type slowLog struct {
	core.Store
	read, release chan struct{}
	again         bool
}

func (s *slowLog) Log(ctx context.Context, room string, after int64, page core.Page) ([]*core.Batch, error) {
	batches, err := s.Store.Log(ctx, room, after, page)
	if !s.again {
		s.again = true
		close(s.read)
		<-s.release
	}
	return batches, err
}

func TestRoomWhoseLogCannotBeReadDelaysNoOtherRoomAndCatchesUpLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		one := newHub(t, store)
		faulty := &faultyLog{Store: store}
		two := newHub(t, faulty, tailed)
		bad, good := room(t, two, "bad"), room(t, two, "good")
		synctest.Wait()
		faulty.fail("bad")
		submit(t, room(t, one, "bad"), batch(t, "ada", 1, "set x 1"))
		submit(t, room(t, one, "good"), batch(t, "ada", 1, "set x 1"))
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := delivered(good); len(got) != 1 {
			t.Errorf("readers of the other room got %v", got)
		}
		faulty.fail("")
		time.Sleep(time.Second)
		synctest.Wait()
		if got := delivered(bad); len(got) != 1 {
			t.Errorf("readers of the room got %v", got)
		}
	})
}

func TestRoomThatOnlyAnotherServerUsesIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		one, two := newHub(t, store), newHub(t, store, tailed, func(c *core.Config) { c.RoomIdle = time.Minute })
		_, release, err := two.Room(t.Context(), "r")
		if err != nil {
			t.Fatal(err)
		}
		release()
		for n := range int64(90) {
			submit(t, room(t, one, "r"), batch(t, "ada", n+1, "set x 1"))
			time.Sleep(time.Second)
		}
		if _, release, open := two.RoomIfOpen("r"); open {
			release()
			t.Error("the room is open")
		}
	})
}

func TestBatchOfAnotherServerReachesReadersDuringCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		one := newHub(t, store)
		faulty := &faultyStore{Store: store}
		two := newHub(t, faulty, tailed)
		read := room(t, two, "r")
		synctest.Wait()
		release := make(chan struct{})
		faulty.hook(func() {
			faulty.append = func(_ context.Context, _ []*core.Batch, do func() error) error {
				<-release
				return do()
			}
		})
		done := make(chan core.Answer)
		go func() { done <- submit(t, read, batch(t, "bob", 1, "set y 2")) }()
		synctest.Wait()
		submit(t, room(t, one, "r"), batch(t, "ada", 1, "set x 1"))
		time.Sleep(200 * time.Millisecond) // the tail names the batch while the room is in flight
		close(release)
		if a := <-done; a.Batch.ServerSeq != 2 {
			t.Errorf("the batch got number %d", a.Batch.ServerSeq)
		}
		synctest.Wait()
		if got := delivered(read); !slices.Equal(got, []int64{1, 2}) {
			t.Errorf("readers got %v", got)
		}
	})
}

func TestTailThatIsLostComparesOpenRoomsWithLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		one := newHub(t, store)
		lossy := &lossyTail{Store: store}
		two := newHub(t, lossy, tailed)
		read := room(t, two, "r")
		synctest.Wait()
		lossy.lost.Store(true)
		submit(t, room(t, one, "r"), batch(t, "ada", 1, "set x 1"))
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
		if got := delivered(read); !slices.Equal(got, []int64{1}) {
			t.Errorf("readers got %v", got)
		}
	})
}

// lossyTail has tails of which one loses its position together with the entries.
type lossyTail struct {
	core.Store
	lost atomic.Bool
}

func (s *lossyTail) OpenTail(ctx context.Context) (core.Tail, error) {
	tail, err := s.Store.OpenTail(ctx)
	return lossy{tail, s}, err
}

type lossy struct {
	core.Tail
	of *lossyTail
}

func (l lossy) Next(ctx context.Context) ([]core.TailEntry, bool, error) {
	entries, more, err := l.Tail.Next(ctx)
	if len(entries) > 0 && l.of.lost.Swap(false) {
		return nil, false, core.ErrTailLost
	}
	return entries, more, err
}

// faultyLog fails to read the log of one room.
type faultyLog struct {
	core.Store
	bad atomic.Value // of string
}

func (s *faultyLog) fail(room string) { s.bad.Store(room) }

func (s *faultyLog) Log(ctx context.Context, room string, after int64, page core.Page) ([]*core.Batch, error) {
	if room == s.bad.Load() {
		return nil, errors.New("unreadable")
	}
	return s.Store.Log(ctx, room, after, page)
}

func TestServerThatCannotReadTailIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, net := new(atomic.Bool), new(network)
		t.Cleanup(net.close)
		h := newHub(t, &brokenTail{memstore.New(), broken}, tailed, net.join)
		alone := newHub(t, &brokenTail{memstore.New(), broken}, tailed)
		time.Sleep(time.Minute)
		if err := h.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		broken.Store(true)
		time.Sleep(time.Minute)
		if err := h.Ping(t.Context()); !errors.Is(err, core.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		if err := alone.Ping(t.Context()); err != nil {
			t.Errorf("without other servers: %v", err)
		}
		broken.Store(false)
		time.Sleep(3 * time.Second)
		if err := h.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// brokenTail has tails that fail while broken is set.
type brokenTail struct {
	core.Store
	broken *atomic.Bool
}

func (s *brokenTail) OpenTail(ctx context.Context) (core.Tail, error) {
	tail, err := s.Store.OpenTail(ctx)
	return unreadableTail{tail, s.broken}, err
}

type unreadableTail struct {
	core.Tail
	broken *atomic.Bool
}

func (u unreadableTail) Next(ctx context.Context) ([]core.TailEntry, bool, error) {
	if u.broken.Load() {
		return nil, false, errors.New("unreadable")
	}
	return u.Tail.Next(ctx)
}
