package core_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
)

// randomFaultStore fails at random in all ways of a database.
type randomFaultStore struct {
	core.Store
	t  *testing.T
	mu sync.Mutex
	// rng decides the result of each call; one call in odds fails in each way.
	rng  *rand.Rand
	odds int
	// rejected is the client whose batches are rejected, and slow the one whose batches time out.
	rejected, slow string
	waiting        sync.WaitGroup
}

func (s *randomFaultStore) roll(n int) int { s.mu.Lock(); defer s.mu.Unlock(); return s.rng.IntN(n) }

func (s *randomFaultStore) Append(ctx context.Context, batches []*core.Batch) error {
	numbers := map[string]bool{}
	for _, b := range batches {
		at := fmt.Sprint(b.Room, "/", b.ServerSeq)
		if numbers[at] {
			s.t.Errorf("%s is in one append twice", at)
		}
		numbers[at] = true
	}
	time.Sleep(time.Duration(s.roll(5)) * time.Millisecond)
	for _, b := range batches {
		switch b.ClientID {
		case s.rejected:
			if s.roll(2) == 0 {
				return fmt.Errorf("a trigger: %w", core.ErrUnexplained)
			}
			return fmt.Errorf("a constraint: %w", core.ErrRejected)
		case s.slow:
			<-ctx.Done()
			return ctx.Err()
		}
	}
	switch s.roll(s.odds) {
	case 0:
		return errNoDatabase
	case 1: // the response is lost
		_ = s.Store.Append(ctx, batches)
		return errNoDatabase
	case 2:
		<-ctx.Done()
		return ctx.Err()
	case 3: // committed after the end of the call
		ended := context.WithoutCancel(ctx)
		s.waiting.Go(func() {
			<-ctx.Done()
			time.Sleep(time.Duration(s.roll(20)) * time.Millisecond)
			_ = s.Store.Append(ended, batches)
		})
		<-ctx.Done()
		return ctx.Err()
	case 4:
		return fmt.Errorf("out of a resource: %w", core.ErrTooSlow)
	case 5:
		return fmt.Errorf("an unknown error number: %w", core.ErrUnexplained)
	}
	return s.Store.Append(ctx, batches)
}

func (s *randomFaultStore) Log(ctx context.Context, room string, after int64, page core.Page) ([]*core.Batch, error) {
	if s.roll(s.odds) == 0 {
		return nil, errNoDatabase
	}
	return s.Store.Log(ctx, room, after, page)
}

// With random faults and cancelled requests, every batch is answered once, accepted batches are in the log once, refused ones
// are not, the numbers of each client ascend, and Close returns.
func TestRandomFaultsDoNotBreakTheLog(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) { runRandomFaults(t, seed) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func runRandomFaults(t *testing.T, seed uint64) {
	inner := memstore.New()
	store := &randomFaultStore{Store: inner, t: t, rng: rand.New(rand.NewPCG(seed, 3)), odds: 1 << 30, rejected: "poison"}
	if seed%3 == 0 {
		store.slow = "slow"
	}
	open := func(store core.Store) *core.Hub {
		return core.NewHub(core.Config{Store: store, Listen: func(string, string, int64) core.Listener { return new(recorder) }})
	}
	h, other := open(store), open(inner)
	type sent struct {
		room, client string
		seq          int64
	}
	var mu sync.Mutex
	accepted, refused := map[sent]int64{}, map[sent]bool{}
	var all sync.WaitGroup
	write := func(r *core.Room, client string, rng *rand.Rand) {
		roomName, seq := r.Name(), int64(0)
		for range 30 {
			seq += 1 + int64(rng.IntN(2))
			p := batch(t, client, seq, fmt.Sprintf("set %s %d", client, seq))
			if rng.IntN(3) == 0 {
				previous := seq - 1
				p.PreviousClientSeq = &previous
			}
			at := sent{roomName, client, seq}
			var once sync.WaitGroup
			for range 1 + rng.IntN(2)*rng.IntN(3) { // concurrent repeats
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if rng.IntN(4) == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(rng.IntN(30))*time.Millisecond)
				}
				once.Go(func() {
					defer cancel()
					a, err := r.Submit(ctx, p)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						if had, ok := accepted[at]; ok && had != a.Batch.ServerSeq {
							t.Errorf("%v is accepted at %d and at %d", at, had, a.Batch.ServerSeq)
						}
						accepted[at] = a.Batch.ServerSeq
					case errors.Is(err, core.ErrRejected):
						refused[at] = true
					case errors.Is(err, core.ErrClientSeqPassed), errors.Is(err, core.ErrUnavailable), errors.Is(err, core.ErrClosing),
						errors.Is(err, core.ErrOverloaded), errors.Is(err, context.DeadlineExceeded):
					default:
						t.Errorf("%v: %v", at, err)
					}
				})
			}
			once.Wait()
			time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
		}
	}
	var rooms, others []*core.Room
	for i := range 3 {
		rooms, others = append(rooms, room(t, h, fmt.Sprint("room-", i))), append(others, room(t, other, fmt.Sprint("room-", i)))
	}
	store.hook(func() { store.odds = 60 })
	for i := range 3 {
		for j, client := range []string{"ann", "ben", "poison", "slow"} {
			all.Go(func() { write(rooms[i], client, rand.New(rand.NewPCG(seed, uint64(10*i+j)))) })
		}
		all.Go(func() { write(others[i], "eve", rand.New(rand.NewPCG(seed, uint64(100+i)))) })
	}
	if seed%2 == 0 {
		all.Wait()
	} else {
		time.Sleep(time.Second) // close while batches are pending
	}
	store.hook(func() { store.odds = 1 << 30 })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // enough for all slow batches
	defer cancel()
	if err := h.Close(ctx); err != nil {
		t.Errorf("closing: %v", err)
	}
	all.Wait()
	closeHub(t, other)
	store.waiting.Wait()
	for i := range 3 {
		name := fmt.Sprint("room-", i)
		log, err := inner.Log(context.Background(), name, 0, core.Page{Batches: 1 << 30, Bytes: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		last := map[string]int64{}
		for j, b := range log {
			at := sent{name, b.ClientID, b.ClientSeq}
			if b.ServerSeq != int64(j+1) {
				t.Errorf("%s: batch %d in place %d", name, b.ServerSeq, j+1)
			}
			if n, ok := last[b.ClientID]; ok && b.ClientSeq <= n {
				t.Errorf("%s: %d of %s comes after %d", name, b.ClientSeq, b.ClientID, n)
			}
			last[b.ClientID] = b.ClientSeq
			if seq, ok := accepted[at]; ok && seq != b.ServerSeq {
				t.Errorf("%v was accepted at %d and is at %d", at, seq, b.ServerSeq)
			}
			delete(accepted, at)
			if refused[at] && b.ClientID != store.slow {
				t.Errorf("%v was refused and is in the log", at)
			}
		}
		for at := range accepted {
			if at.room == name {
				t.Errorf("%v was accepted and is not in the log", at)
			}
		}
	}
}

func (s *randomFaultStore) hook(f func()) { s.mu.Lock(); defer s.mu.Unlock(); f() }

// A request is cancelled while its batch is queued, and then the same batch is sent three times at once, with writers in other
// rooms.
func TestBatchCancelledWhileQueuedAndRepeatedDoesNotBlockOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		store.append = func(_ context.Context, _ []*core.Batch, do func() error) error {
			time.Sleep(5 * time.Millisecond)
			return do()
		}
		h := newHub(t, store)
		r := room(t, h, "attacked")
		stop, stopAll := context.WithCancel(t.Context())
		var writers sync.WaitGroup
		written := make([]atomic.Int64, 4)
		for i := range written {
			other := room(t, h, fmt.Sprint("other-", i))
			writers.Go(func() {
				for n := int64(1); stop.Err() == nil; n++ {
					if _, err := other.Submit(t.Context(), batch(t, "w", n, "set n 1")); err != nil {
						t.Errorf("another room: %v", err)
						return
					}
					written[i].Add(1)
				}
			})
		}
		for n := int64(1); n <= 50; n++ {
			p := batch(t, "mallory", n, fmt.Sprintf("set n %d", n))
			ctx, cut := context.WithCancel(t.Context())
			var all sync.WaitGroup
			all.Go(func() { _, _ = r.Submit(ctx, p) })
			synctest.Wait() // the batch is queued behind the running transaction
			cut()
			for range 3 {
				all.Go(func() { submit(t, r, p) })
			}
			all.Wait()
		}
		before := written[0].Load()
		time.Sleep(time.Second)
		if n := written[0].Load() - before; n < 50 {
			t.Errorf("another room got on by %d batches in a second", n)
		}
		stopAll()
		writers.Wait()
		if _, seq := document(r); seq != 50 {
			t.Errorf("the room is at %d", seq)
		}
	})
}

func TestUnexplainedConflictIsNotRetriedForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(measurer)
		store := &faultyStore{Store: memstore.New()}
		store.append = func(_ context.Context, batches []*core.Batch, do func() error) error {
			for _, b := range batches {
				if b.Room == "conflicting" {
					return core.ErrConflict
				}
			}
			return do()
		}
		h := newHub(t, store, measuredBy(m))
		conflicting, other := room(t, h, "conflicting"), room(t, h, "other")
		for i := int64(1); i <= 3; i++ {
			var all sync.WaitGroup
			all.Go(func() { submit(t, other, batch(t, "ann", i, "set n 1")) })
			all.Go(func() {
				if _, err := conflicting.Submit(t.Context(), batch(t, "ann", i, "set n 1")); !errors.Is(err, core.ErrRejected) {
					t.Errorf("err = %v", err)
				}
			})
			all.Wait()
		}
		time.Sleep(time.Minute)
		if n := m.read(); n.contradicted != 3 || n.batches != 3 {
			t.Errorf("%+v", n)
		}
		if store.calls > 12 {
			t.Errorf("%d appends for 6 batches", store.calls)
		}
	})
}

func TestConflictThatTheLogDoesNotShowIsRepeatedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(measurer)
		store := &faultyStore{Store: memstore.New()}
		store.append = func(_ context.Context, _ []*core.Batch, do func() error) error {
			if store.calls == 1 { // the database then loses what this one conflicts with
				return core.ErrConflict
			}
			return do()
		}
		r := room(t, newHub(t, store, measuredBy(m)), "room")
		submit(t, r, batch(t, "ann", 1, "set n 1"))
		if n := m.read(); n.contradicted != 0 || n.batches != 1 {
			t.Errorf("%+v", n)
		}
	})
}

// slowStore takes a time for each row, up to the timeout of the call.
func slowStore(perRow time.Duration) *faultyStore {
	store := &faultyStore{Store: memstore.New()}
	store.append = func(ctx context.Context, batches []*core.Batch, do func() error) error {
		rows := 0
		for _, b := range batches {
			rows += len(b.Ops)
		}
		select {
		case <-time.After(time.Millisecond + time.Duration(rows)*perRow):
			return do()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return store
}

func largeBatch(t *testing.T, client string, clientSeq int64, ops int) *core.Proposal {
	p := batch(t, client, clientSeq, "set n 1")
	p.Ops = slices.Repeat(p.Ops, ops)
	return p
}

// 130 batches of 1,000 operations each, in one room or in many, on databases of very different speed.
func TestManyLargeBatchesDelayOthersLittle(t *testing.T) {
	for _, perRow := range []time.Duration{10 * time.Microsecond, 100 * time.Microsecond, time.Millisecond} {
		for _, rooms := range []int{1, 130} {
			t.Run(fmt.Sprintf("%v a row, %d rooms", perRow, rooms), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHub(t, slowStore(perRow), func(c *core.Config) { c.SubmitTimeout = time.Hour })
					other := room(t, h, "other")
					var all sync.WaitGroup
					left := 130
					var mu sync.Mutex
					for i := range 130 {
						r := room(t, h, fmt.Sprint("large-", i%rooms))
						all.Go(func() {
							submit(t, r, largeBatch(t, fmt.Sprint(i), 1, 1000))
							mu.Lock()
							defer mu.Unlock()
							left--
						})
					}
					worst := time.Duration(0)
					for n := int64(1); ; n++ {
						time.Sleep(50 * time.Millisecond)
						mu.Lock()
						over := left == 0
						mu.Unlock()
						if over {
							break
						}
						submitted := time.Now()
						submit(t, other, batch(t, "w", n, "set n 1"))
						worst = max(worst, time.Since(submitted))
					}
					all.Wait()
					if worst > 500*time.Millisecond {
						t.Errorf("another room's write took %v", worst)
					}
				})
			})
		}
	}
}

// The database takes longer for the rows than the timeout. Transactions become smaller, and then larger again.
func TestTimedOutGroupIsCommittedInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := slowStore(0)
		h := newHub(t, store, func(c *core.Config) { c.SubmitTimeout = time.Minute })
		var all sync.WaitGroup
		submit(t, room(t, h, "warm"), batch(t, "w", 1, "set n 1"))
		slow := slowStore(40 * time.Millisecond).append
		store.hook(func() { store.append = slow })
		for i := range 200 { // 40 ms each: 8 s in one transaction
			r := room(t, h, fmt.Sprint("room-", i%20))
			all.Go(func() { submit(t, r, batch(t, fmt.Sprint(i), 1, "set n 1")) })
		}
		all.Wait()
	})
}

func TestBatchThatTimesOutAloneIsRefusedWithoutEffectOnOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		store.append = func(ctx context.Context, batches []*core.Batch, do func() error) error {
			for _, b := range batches {
				if b.ClientID == "slow" {
					<-ctx.Done()
					return ctx.Err()
				}
			}
			time.Sleep(time.Millisecond)
			return do()
		}
		m := new(measurer)
		h := newHub(t, store, measuredBy(m), func(c *core.Config) { c.SubmitTimeout = time.Hour })
		r := room(t, h, "room")
		done, worst := make(chan error, 1), time.Duration(0)
		go func() { _, err := r.Submit(t.Context(), batch(t, "slow", 1, "set n 1")); done <- err }()
		others := make([]*core.Room, 20)
		for i := range others {
			others[i] = room(t, h, fmt.Sprint("other-", i))
		}
		var n int64
		for over := false; !over; {
			n++
			submitted := time.Now()
			var all sync.WaitGroup
			for _, other := range others {
				all.Go(func() { submit(t, other, batch(t, "w", n, "set n 1")) })
			}
			all.Wait()
			worst = max(worst, time.Since(submitted))
			time.Sleep(20 * time.Millisecond)
			select {
			case err := <-done:
				if over = true; !errors.Is(err, core.ErrRejected) {
					t.Errorf("err = %v", err)
				}
			default:
			}
		}
		if worst > 6*time.Second {
			t.Errorf("another room's write took %v", worst)
		}
		if n := m.read(); n.rejected != 1 {
			t.Errorf("%+v", n)
		}
		submit(t, r, batch(t, "ann", 1, "set n 2")) // the room accepts further batches
	})
}

// An unexplained error may come from the data. Other batches of the transaction are delayed only briefly.
func TestBatchWithUnexplainedErrorIsIsolated(t *testing.T) {
	for _, cause := range []error{core.ErrRejected, core.ErrUnexplained} {
		synctest.Test(t, func(t *testing.T) {
			store := &faultyStore{Store: memstore.New()}
			store.append = func(_ context.Context, batches []*core.Batch, do func() error) error {
				time.Sleep(5 * time.Millisecond)
				for _, b := range batches {
					if strings.HasPrefix(b.ClientID, "poison") {
						return cause
					}
				}
				return do()
			}
			h := newHub(t, store)
			var all sync.WaitGroup
			for i := range 2000 {
				r := room(t, h, fmt.Sprint("room-", i%500))
				all.Go(func() {
					submitted := time.Now()
					client := fmt.Sprint(i)
					if i%400 == 7 {
						client = "poison-" + client
					}
					_, err := r.Submit(t.Context(), batch(t, client, 1, "set n 1"))
					if poison := i%400 == 7; poison != errors.Is(err, core.ErrRejected) || !poison && err != nil {
						t.Errorf("%s: %v", client, err)
					}
					if took := time.Since(submitted); took > 5*time.Second {
						t.Errorf("%s waited %v", client, took)
					}
				})
			}
			all.Wait()
			if store.calls > 400 {
				t.Errorf("%d appends", store.calls)
			}
		})
	}
}

// Each sender sends its next batch 50 µs after the answer, while a transaction takes 1 ms.
func TestAnsweredSendersJoinTheNextTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &appendCounter{Store: slowStore(0)}
		r := room(t, newHub(t, store), "board")
		const senders, batches = 20, 50
		began := time.Now()
		var all sync.WaitGroup
		for i := range senders {
			all.Go(func() {
				for seq := range int64(batches) {
					submit(t, r, batch(t, fmt.Sprint("client-", i), seq+1, "set n 1"))
					time.Sleep(50 * time.Microsecond)
				}
			})
		}
		all.Wait()
		if n := store.appends.Load(); n > batches+5 {
			t.Errorf("%d batches of each sender took %d transactions, and %v", batches, n, time.Since(began))
		}
	})
}
