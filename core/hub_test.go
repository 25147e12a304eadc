package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/presence"
	"github.com/pathsync/pathsync/core/tree"
)

// recorder is a listener that stores what it receives.
type recorder struct {
	mu       sync.Mutex
	seqs     []int64
	presence []presence.Change
	listsDue int // calls
	readers  int // what Readers returns
	asked    int // calls of Readers
	closed   []error
	replaced []string
	bytes    int
}

func (l *recorder) Bytes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}

func (l *recorder) Committed(batches []*core.Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range batches {
		l.seqs = append(l.seqs, b.ServerSeq)
	}
}

func (l *recorder) PresenceChanged(c presence.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.presence = append(l.presence, c)
}

func (l *recorder) ListsDue() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listsDue++
}

func (l *recorder) Readers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	return l.readers
}

// readersAsked returns the number of calls of Readers.
func (l *recorder) readersAsked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

func (l *recorder) Replaced(clientID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.replaced = append(l.replaced, clientID)
}

func (l *recorder) Closed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = append(l.closed, err)
}

func (l *recorder) closings() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.closed)
}

func (l *recorder) presenceChanges() []presence.Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.presence)
}

func (l *recorder) listsWereDue() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.listsDue
}

func (l *recorder) delivered() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.seqs)
}

// faultyStore calls hooks of a test before calls of the store. Nil hooks do nothing.
type faultyStore struct {
	core.Store
	mu     sync.Mutex
	append func(ctx context.Context, batches []*core.Batch, do func() error) error
	docs   func() error
	save   func() error
	calls  int
}

func (s *faultyStore) hook(f func()) { s.mu.Lock(); defer s.mu.Unlock(); f() }

func (s *faultyStore) Append(ctx context.Context, batches []*core.Batch) error {
	s.mu.Lock()
	s.calls++
	hook := s.append
	s.mu.Unlock()
	do := func() error { return s.Store.Append(ctx, batches) }
	if hook != nil {
		return hook(ctx, batches, do)
	}
	return do()
}

func (s *faultyStore) Documents(ctx context.Context, room string) ([]core.Document, error) {
	s.mu.Lock()
	hook := s.docs
	s.mu.Unlock()
	if hook != nil {
		if err := hook(); err != nil {
			return nil, err
		}
	}
	return s.Store.Documents(ctx, room)
}

func (s *faultyStore) SaveDocuments(ctx context.Context, docs []core.Document) error {
	s.mu.Lock()
	hook := s.save
	s.mu.Unlock()
	if hook != nil {
		if err := hook(); err != nil {
			return err
		}
	}
	return s.Store.SaveDocuments(ctx, docs)
}

var errNoDatabase = errors.New("connection refused")

func newHub(t *testing.T, store core.Store, adjust ...func(*core.Config)) *core.Hub {
	t.Helper()
	cfg := core.Config{Store: store, Listen: func(string, string, int64) core.Listener { return new(recorder) }}
	cfg.WatchInterval, cfg.TailInterval = time.Hour, time.Hour // some tests sleep for a month
	for _, f := range adjust {
		f(&cfg)
	}
	h := core.NewHub(cfg)
	t.Cleanup(func() { closeHub(t, h) })
	return h
}

func closeHub(t *testing.T, h *core.Hub) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := h.Close(ctx); err != nil {
		t.Errorf("closing the hub: %v", err)
	}
}

func room(t *testing.T, h *core.Hub, name string) *core.Room {
	t.Helper()
	r, release, err := h.Room(t.Context(), name)
	if err != nil {
		t.Fatalf("opening room %q: %v", name, err)
	}
	t.Cleanup(release)
	return r
}

// op parses `kind path value`, as in "set title 1". The value is optional, and @n is an index.
func op(t testing.TB, text string) core.ProposedOp {
	t.Helper()
	fields := strings.SplitN(text, " ", 3)
	o := core.ProposedOp{Op: tree.Op{Kind: tree.Kind(fields[0]), Index: tree.NoIndex}, PathText: strings.Trim(fields[1], `"`)}
	p, err := path.Parse(o.PathText)
	if err != nil {
		t.Fatal(err)
	}
	o.Path = p
	if len(fields) == 3 {
		value := fields[2]
		if at := strings.LastIndex(value, "@"); at >= 0 {
			if _, err := fmt.Sscan(value[at+1:], &o.Index); err != nil {
				t.Fatal(err)
			}
			value = strings.TrimSpace(value[:at])
		}
		if at := strings.LastIndex(value, "~"); at >= 0 {
			o.After = []string{value[at+1:]}
			value = strings.TrimSpace(value[:at])
		}
		if to, ok := strings.CutPrefix(value, "->"); ok {
			array, err := path.Parse(to)
			if err != nil {
				t.Fatal(err)
			}
			o.To, o.ValueText, value = &array, `"`+to+`"`, ""
		}
		if value != "" {
			if o.Value, err = tree.ParseStored([]byte(value)); err != nil {
				t.Fatal(err)
			}
			o.ValueText = value
		}
	}
	return o
}

func batch(t testing.TB, client string, clientSeq int64, ops ...string) *core.Proposal {
	t.Helper()
	p := &core.Proposal{Key: "default", ClientID: client, ClientSeq: clientSeq}
	for _, text := range ops {
		p.Ops = append(p.Ops, op(t, text))
	}
	return p
}

func submit(t *testing.T, r *core.Room, p *core.Proposal) core.Answer {
	t.Helper()
	a, err := r.Submit(t.Context(), p)
	if err != nil {
		t.Fatalf("submitting: %v", err)
	}
	return a
}

func document(r *core.Room) (json string, seq int64) {
	r.View(func(v core.View) {
		b, _, _ := v.Document("default")
		json, seq = b.String(), v.Seq()
	})
	return json, seq
}

func wantDocument(t *testing.T, r *core.Room, want string) {
	t.Helper()
	if got, _ := document(r); got != want {
		t.Errorf("the document is %s, want %s", got, want)
	}
}

func TestBatchIsVisibleOnlyWhenDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		committing, goOn := make(chan bool), make(chan bool)
		store := &faultyStore{Store: memstore.New()}
		store.append = func(_ context.Context, _ []*core.Batch, do func() error) error {
			committing <- true
			<-goOn
			return do()
		}
		h := newHub(t, store)
		r := room(t, h, "room")
		answered := make(chan core.Answer, 1)
		go func() { answered <- submit(t, r, batch(t, "ann", 1, "set title 1")) }()

		<-committing
		synctest.Wait()
		if got, seq := document(r); got != "" || seq != 0 {
			t.Errorf("before the commit a reader sees %q at %d", got, seq)
		}
		if got := r.Listener().(*recorder).delivered(); len(got) != 0 || len(answered) != 0 {
			t.Errorf("before the commit, readers got %v and the sender %d answers", got, len(answered))
		}
		goOn <- true
		a := <-answered
		if a.Batch.ServerSeq != 1 || a.Duplicate {
			t.Errorf("answer: %+v", a)
		}
		wantDocument(t, r, `{"title":1}`)
		if got := r.Listener().(*recorder).delivered(); len(got) != 1 || got[0] != 1 {
			t.Errorf("readers got %v", got)
		}
	})
}

func TestBatchesThatWaitDuringCommitShareNextTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		first := make(chan bool)
		store.append = func(_ context.Context, batches []*core.Batch, do func() error) error {
			if batches[0].ServerSeq == 1 && batches[0].Room == "r0" {
				<-first
			}
			return do()
		}
		h := newHub(t, store)
		synctest.Wait() // the tail is open, so no room is compared with the log
		var rooms []*core.Room
		for i := range 10 {
			rooms = append(rooms, room(t, h, fmt.Sprintf("r%d", i)))
		}
		var all sync.WaitGroup
		all.Go(func() { submit(t, rooms[0], batch(t, "ann", 1, "set a 1")) })
		synctest.Wait()
		for i := range 100 {
			all.Go(func() { submit(t, rooms[i%10], batch(t, fmt.Sprintf("c%d", i), 1, "set b 2")) })
		}
		synctest.Wait()
		close(first)
		all.Wait()
		if store.calls != 2 {
			t.Errorf("101 batches took %d transactions", store.calls)
		}
	})
}

func TestRepeatedBatchGetsFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := newHub(t, store)
		r := room(t, h, "room")
		send := func(r *core.Room) core.Answer {
			return submit(t, r, batch(t, "ann", 3, "array_add list {\"_sync_id\":\"a\"}", "delete nothing", "set x 1"))
		}
		first := send(r)
		submit(t, r, batch(t, "ben", 1, "set x 2"))
		want := fmt.Sprintf("%+v", *first.Batch)

		check := func(when string, r *core.Room) {
			t.Helper()
			again := send(r)
			if !again.Duplicate || fmt.Sprintf("%+v", *again.Batch) != want {
				t.Errorf("%s the answer is %+v, duplicate %v; it was %s", when, *again.Batch, again.Duplicate, want)
			}
			wantDocument(t, r, `{"list":[{"_sync_id":"a"}],"x":2}`)
		}
		check("at once", r)
		time.Sleep(2 * time.Second) // until the row is written, so that the log before it is not read
		check("after a restart", room(t, newHub(t, store), "room"))
	})
}

func TestConcurrentRepeatsAreAppliedOnce(t *testing.T) {
	for _, seq := range []int64{2, 6} {
		synctest.Test(t, func(t *testing.T) {
			store := memstore.New()
			submit(t, room(t, newHub(t, store), "room"), batch(t, "ann", 1, "set n 0"))
			r := room(t, newHub(t, store), "room")
			var all sync.WaitGroup
			var mu sync.Mutex
			fresh := map[bool]int{}
			for range 20 {
				all.Go(func() {
					a := submit(t, r, batch(t, "ann", seq, "array_add list {\"_sync_id\":\"a\"}"))
					mu.Lock()
					defer mu.Unlock()
					fresh[!a.Duplicate]++
				})
			}
			all.Wait()
			if _, seq := document(r); seq != 2 || fresh[true] != 1 || fresh[false] != 19 {
				t.Errorf("20 sendings: %v, the room is at %d", fresh, seq)
			}
		})
	}
}

func TestReusedNumberWithOtherContentIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, memstore.New())
		r := room(t, h, "room")
		submit(t, r, batch(t, "ann", 1, "set x 1"))
		for _, other := range []*core.Proposal{
			batch(t, "ann", 1, "set x 2"), batch(t, "ann", 1, "set y 1"), batch(t, "ann", 1, "set x 1", "set x 1"),
		} {
			if _, err := r.Submit(t.Context(), other); !errors.Is(err, core.ErrClientSeqReused) {
				t.Errorf("err = %v", err)
			}
		}
		wantDocument(t, r, `{"x":1}`)
	})
}

func TestCommitWithLostResponseIsRecognised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		lost := true
		store.append = func(_ context.Context, _ []*core.Batch, do func() error) error {
			err := do()
			if lost {
				lost = false
				return errNoDatabase
			}
			return err
		}
		h := newHub(t, store)
		r := room(t, h, "room")
		a := submit(t, r, batch(t, "ann", core.NoClientSeq, "array_add list {\"_sync_id\":\"a\"}"))
		if a.Batch.ServerSeq != 1 || a.Duplicate || store.calls != 2 {
			t.Errorf("answer %+v after %d appends", a, store.calls)
		}
		if _, seq := document(r); seq != 1 {
			t.Errorf("the batch is in the log %d times", seq)
		}
	})
}

// unreadableStore fails the first reads of the log.
type unreadableStore struct {
	core.Store
	fail atomic.Int32 // number of reads that fail
}

func (s *unreadableStore) Log(ctx context.Context, room string, after int64, limit core.Page) ([]*core.Batch, error) {
	if s.fail.Add(-1) >= 0 {
		return nil, errNoDatabase
	}
	return s.Store.Log(ctx, room, after, limit)
}

// A failover breaks the connection after an append was committed, and again while the log is read.
func TestWritesResumeAfterLogExplainsLostResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		log := &unreadableStore{Store: store}
		h := newHub(t, log)
		r := room(t, h, "room")
		lost := false
		store.append = func(_ context.Context, _ []*core.Batch, do func() error) error {
			err := do()
			if !lost {
				lost = true
				log.fail.Store(1)
				return errNoDatabase
			}
			return err
		}
		submit(t, r, batch(t, "ann", 1, "set x 1"))
		if log.fail.Load() >= 0 {
			t.Fatal("no reading of the log has failed")
		}
		if a := submit(t, r, batch(t, "ann", 2, "set x 2")); a.Batch.ServerSeq != 2 {
			t.Errorf("the batch after it has number %d", a.Batch.ServerSeq)
		}
	})
}

// The first timeout is attributed to the batch, and the second is treated as an outage.
func TestWritesResumeAfterBatchesOfOutageAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		store.append = func(ctx context.Context, _ []*core.Batch, _ func() error) error {
			<-ctx.Done()
			return ctx.Err()
		}
		h := newHub(t, store)
		r := room(t, h, "room")
		for _, slow := range []*core.Room{room(t, h, "other"), r} {
			if _, err := slow.Submit(t.Context(), batch(t, "ann", 1, "set x 1")); !errors.Is(err, core.ErrUnavailable) {
				t.Fatalf("err = %v", err)
			}
		}
		time.Sleep(2 * time.Hour) // until the batches are given up
		store.hook(func() { store.append = nil })
		time.Sleep(time.Minute)
		if a := submit(t, r, batch(t, "ben", 1, "set x 2")); a.Batch.ServerSeq != 1 {
			t.Errorf("the batch has number %d: the one before it was not given up", a.Batch.ServerSeq)
		}
	})
}

func TestSecondServerCausesConflictsAndNoFork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		one, two := room(t, newHub(t, store), "room"), room(t, newHub(t, store), "room")
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				submit(t, one, batch(t, fmt.Sprint("ann-", i), 1, fmt.Sprintf(`array_add list {"_sync_id":"a%d"} @0`, i)))
			})
			all.Go(func() {
				submit(t, two, batch(t, fmt.Sprint("ben-", i), 1, fmt.Sprintf(`array_add list {"_sync_id":"b%d"} @0`, i)))
			})
		}
		all.Wait()
		for i, r := range []*core.Room{one, two} { // each reads the other's last batches after a conflict
			submit(t, r, batch(t, "eve", int64(i), fmt.Sprintf("set n %d", i)))
		}
		submit(t, one, batch(t, "eve", 2, "set n 2"))
		submit(t, two, batch(t, "eve", 3, "set m 3"))
		submit(t, one, batch(t, "eve", 4, "set m 4"))

		fresh, seq := document(room(t, newHub(t, store), "room"))
		if seq != 105 {
			t.Errorf("105 batches took %d places", seq)
		}
		wantDocument(t, one, fresh)
		for i, r := range []*core.Room{one, two} {
			for j, seq := range r.Listener().(*recorder).delivered() {
				if seq != int64(j+1) {
					t.Fatalf("server %d delivered %d at position %d", i, seq, j+1)
				}
			}
		}
	})
}

func TestRepeatAtAnotherServerIsAppliedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		one, two := room(t, newHub(t, store), "room"), room(t, newHub(t, store), "room")
		submit(t, one, batch(t, "ann", 1, "set n 1"))
		submit(t, two, batch(t, "ann", 2, "set n 2"))
		time.Sleep(time.Second)
		a := submit(t, one, batch(t, "ann", 2, "set n 2")) // one does not know this batch yet
		if !a.Duplicate || a.Batch.ServerSeq != 2 {
			t.Errorf("answer: %+v, duplicate %v", a.Batch, a.Duplicate)
		}
	})
}

func TestOutageRefusesWritesAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		h := newHub(t, store)
		r := room(t, h, "room")
		submit(t, r, batch(t, "ann", 1, "set n 1"))
		start := time.Now()
		store.hook(func() {
			store.append = func(_ context.Context, _ []*core.Batch, do func() error) error {
				if time.Since(start) < 30*time.Second {
					return errNoDatabase
				}
				return do()
			}
		})
		accepted, refused := 0, 0
		for i := int64(2); time.Since(start) < 40*time.Second; i++ {
			start := time.Now()
			switch _, err := r.Submit(t.Context(), batch(t, "ann", i, fmt.Sprintf("set n %d", i))); {
			case err == nil:
				accepted++
			case errors.Is(err, core.ErrUnavailable):
				refused++
			default:
				t.Fatalf("submitting in an outage: %v", err)
			}
			if waited := time.Since(start); waited > 10*time.Second {
				t.Errorf("an answer took %v", waited)
			}
			if _, seq := document(r); seq < 1 {
				t.Error("reading did not go on")
			}
			time.Sleep(500 * time.Millisecond)
		}
		if accepted < 15 || refused < 15 {
			t.Errorf("%d accepted and %d refused in 10 s after, and 30 s of, the outage", accepted, refused)
		}
		// The log has the batch that was in flight at the start of the outage once, and none of the refused batches.
		want, seq := document(r)
		again := room(t, newHub(t, store), "room")
		wantDocument(t, again, want)
		if seq != int64(1+1+accepted) {
			t.Errorf("the room is at %d after %d batches", seq, 1+1+accepted)
		}
	})
}

func TestRejectedBatchDoesNotBlockOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		hold := make(chan bool)
		store.append = func(_ context.Context, batches []*core.Batch, do func() error) error {
			<-hold
			for _, b := range batches {
				if b.ClientID == "poison" {
					return fmt.Errorf("writing: %w", core.ErrRejected)
				}
			}
			return do()
		}
		h := newHub(t, store)
		a, b := room(t, h, "a"), room(t, h, "b")
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() { submit(t, a, batch(t, fmt.Sprint(i), 1, "set n 1")) })
			all.Go(func() { submit(t, b, batch(t, fmt.Sprint(i), 1, "set n 1")) })
		}
		all.Go(func() {
			if _, err := a.Submit(t.Context(), batch(t, "poison", 1, "set n 1")); !errors.Is(err, core.ErrRejected) {
				t.Errorf("err = %v", err)
			}
		})
		synctest.Wait()
		close(hold)
		all.Wait()
		for _, r := range []*core.Room{a, b} {
			if _, seq := document(r); seq != 10 {
				t.Errorf("room %s is at %d", r.Name(), seq)
			}
		}
	})
}

func TestIdleRoomIsSavedAndClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := newHub(t, store)
		r, release, err := h.Room(t.Context(), "room")
		if err != nil {
			t.Fatal(err)
		}
		submit(t, r, batch(t, "ann", 1, "set n 1"))
		release()
		time.Sleep(2 * time.Minute)
		if closed := r.Listener().(*recorder).closings(); len(closed) != 1 || closed[0] != nil {
			t.Errorf("closed: %v", closed)
		}
		rows, _ := store.Documents(t.Context(), "room")
		if len(rows) != 1 || rows[0].State != `{"n":1}` || rows[0].ServerSeq != 1 {
			t.Errorf("rows: %+v", rows)
		}
		wantDocument(t, room(t, h, "room"), `{"n":1}`)
	})
}

func TestDocumentRowIsWrittenWithinServerBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := newHub(t, store)
		r := room(t, h, "room")
		for i := range 100 {
			submit(t, r, batch(t, "ann", int64(i), fmt.Sprintf("set n %d", i)))
			if i%10 == 0 {
				time.Sleep(1600 * time.Millisecond)
				rows, _ := store.Documents(t.Context(), "room")
				if len(rows) != 1 || rows[0].ServerSeq != int64(i+1) {
					t.Fatalf("after batch %d the rows are %+v", i+1, rows)
				}
			}
		}
	})
}

func TestFailedDocumentRowsAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		store.save = func() error { return errNoDatabase }
		h := newHub(t, store)
		submit(t, room(t, h, "room"), batch(t, "ann", 1, "set n 1"))
		time.Sleep(10 * time.Second)
		store.hook(func() { store.save = nil })
		time.Sleep(2 * time.Second)
		if rows, _ := store.Documents(t.Context(), "room"); len(rows) != 1 {
			t.Errorf("rows: %+v", rows)
		}
	})
}

func TestDamagedDocumentRowStopsItsRoomOnlyAndIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		if err := store.SaveDocuments(t.Context(), []core.Document{{Room: "bad", Key: "default", ServerSeq: 3, State: `{"a":`}}); err != nil {
			t.Fatal(err)
		}
		h := newHub(t, store)
		for range 3 {
			if _, _, err := h.Room(t.Context(), "bad"); !errors.Is(err, core.ErrCorrupt) {
				t.Errorf("err = %v", err)
			}
			time.Sleep(time.Second)
		}
		submit(t, room(t, h, "good"), batch(t, "ann", 1, "set n 1"))
		time.Sleep(2 * time.Minute)
		if rows, _ := store.Documents(t.Context(), "bad"); rows[0].State != `{"a":` {
			t.Errorf("the row is now %+v", rows[0])
		}
	})
}

// A batch that is folded in part leaves an invalid state.
func TestRowsOfStoppedRoomAreNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		r := room(t, newHub(t, store), "room")
		submit(t, r, batch(t, "ann", 1, "set x 1"))
		impossible := core.Batch{Room: "room", Key: "default", ClientID: "c", ClientSeq: core.NoClientSeq, ServerSeq: 2,
			Ops: []core.LoggedOp{{Kind: tree.Set, Path: "x", Value: "2", Index: tree.NoIndex}, {Kind: tree.Delete, Path: "gone", Index: tree.NoIndex}}}
		if err := store.Append(t.Context(), []*core.Batch{&impossible}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Submit(t.Context(), batch(t, "ann", 2, "set x 3")); !errors.Is(err, core.ErrCorrupt) {
			t.Fatalf("err = %v", err)
		}
		time.Sleep(time.Minute)
		if rows, _ := store.Documents(t.Context(), "room"); len(rows) != 0 {
			t.Errorf("rows: %+v", rows)
		}
	})
}

func TestGapInLogStopsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		for seq := range int64(2) {
			err := store.Append(t.Context(), []*core.Batch{{Room: "bad", Key: "k", ClientID: "c", ClientSeq: core.NoClientSeq, ServerSeq: seq + 1,
				Ops: []core.LoggedOp{{Kind: tree.Set, Path: "a", Value: "1", Index: tree.NoIndex}}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := store.Prune(t.Context(), "bad", 0, 1); err != nil { // no document row has this batch
			t.Fatal(err)
		}
		if _, _, err := newHub(t, store).Room(t.Context(), "bad"); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestConcurrentCallsOpenRoomOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		reads, goOn := 0, make(chan bool)
		store.docs = func() error { reads++; <-goOn; return nil }
		h := newHub(t, store)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, release, err := h.Room(t.Context(), "room"); err != nil {
					t.Error(err)
				} else {
					release()
				}
			})
		}
		synctest.Wait()
		close(goOn)
		all.Wait()
		if reads != 1 {
			t.Errorf("the room was read %d times", reads)
		}
	})
}

func TestUnreadableRoomIsRetriedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		reads := 0
		store.docs = func() error { reads++; return errNoDatabase }
		h := newHub(t, store)
		for range 100 {
			if _, _, err := h.Room(t.Context(), "room"); !errors.Is(err, core.ErrUnavailable) {
				t.Fatalf("err = %v", err)
			}
		}
		if reads != 1 {
			t.Errorf("100 requests at once read the room %d times", reads)
		}
		store.hook(func() { store.docs = nil })
		time.Sleep(time.Second)
		room(t, h, "room")
	})
}

func TestOpenRoomsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, memstore.New(), func(c *core.Config) { c.MaxRooms = 2 })
		room(t, h, "a")
		room(t, h, "b")
		if _, _, err := h.Room(t.Context(), "c"); !errors.Is(err, core.ErrOverloaded) {
			t.Errorf("err = %v", err)
		}
	})
}

// A client that opens many rooms once must not block others until these rooms are idle.
func TestUnusedRoomsAreClosedForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, memstore.New(), func(c *core.Config) { c.MaxRooms = 3 })
		used := room(t, h, "used")
		submit(t, used, batch(t, "ann", 1, "set n 1"))
		for i := range 20 {
			_, release, err := h.Room(t.Context(), fmt.Sprint("random", i))
			if err != nil {
				t.Fatalf("room %d: %v", i, err)
			}
			release()
			time.Sleep(200 * time.Millisecond)
		}
		if again := room(t, h, "used"); again != used {
			t.Error("a room in use was closed")
		}
	})
}

func TestSecondCloseDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, memstore.New())
		closeHub(t, h)
		closeHub(t, h)
	})
}

func TestQueueRefusesBatchesBeyondLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		goOn := make(chan bool)
		store.append = func(_ context.Context, _ []*core.Batch, do func() error) error { <-goOn; return do() }
		h := newHub(t, store, func(c *core.Config) { c.MaxQueuedBytes = 50_000 })
		r := room(t, h, "room")
		var all sync.WaitGroup
		overloaded := 0
		var mu sync.Mutex
		for i := range 100 {
			all.Go(func() {
				_, err := r.Submit(t.Context(), batch(t, fmt.Sprint(i), 1, "set n 1"))
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(err, core.ErrOverloaded) {
					overloaded++
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(goOn)
		all.Wait()
		if overloaded < 50 || overloaded > 90 {
			t.Errorf("%d of 100 batches were turned away", overloaded)
		}
		submit(t, r, batch(t, "later", 1, "set n 1"))
	})
}

func TestCloseCommitsPendingBatchesAndWritesRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		goOn := make(chan bool)
		store.append = func(_ context.Context, _ []*core.Batch, do func() error) error { <-goOn; return do() }
		h := core.NewHub(core.Config{Store: store, Listen: func(string, string, int64) core.Listener { return new(recorder) }})
		r := room(t, h, "room")
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() { submit(t, r, batch(t, fmt.Sprint(i), 1, "set n 1")) })
		}
		synctest.Wait()
		all.Go(func() { closeHub(t, h) })
		synctest.Wait()
		if _, err := r.Submit(t.Context(), batch(t, "late", 1, "set n 1")); !errors.Is(err, core.ErrClosing) {
			t.Errorf("a batch after closing: %v", err)
		}
		close(goOn)
		all.Wait()
		if rows, _ := store.Documents(t.Context(), "room"); len(rows) != 1 || rows[0].ServerSeq != 10 {
			t.Errorf("rows: %+v", rows)
		}
	})
}

func TestCloseGivesUpDuringOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		store.append = func(context.Context, []*core.Batch, func() error) error { return errNoDatabase }
		h := core.NewHub(core.Config{Store: store, Listen: func(string, string, int64) core.Listener { return new(recorder) }})
		r := room(t, h, "room")
		go func() { _, _ = r.Submit(t.Context(), batch(t, "ann", 1, "set n 1")) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		if err := h.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 6*time.Second {
			t.Errorf("closing took %v: %v", time.Since(start), err)
		}
		synctest.Wait()
	})
}

func TestPresenceChangesAreCollectedAndLeaseEndsPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, memstore.New())
		r := room(t, h, "room")
		l := r.Listener().(*recorder)
		n, err := r.Connect(t.Context(), core.Connection{ClientID: "ann", DisplayName: "Ann"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.UpdatePresence(t.Context(), "ben", "", presence.Update{Field: "title"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(60 * time.Millisecond)
		if got := l.presenceChanges(); len(got) != 1 || len(got[0].Joined) != 2 {
			t.Fatalf("changes: %+v", got)
		}
		r.Disconnect("ann", n)
		time.Sleep(14 * time.Second)
		if got := l.presenceChanges(); len(got) != 1 {
			t.Errorf("within the lease: %+v", got[1:])
		}
		time.Sleep(2 * time.Second)
		left := map[string]bool{}
		for _, c := range l.presenceChanges()[1:] {
			for _, id := range c.Left {
				left[id] = true
			}
		}
		if !left["ann"] || !left["ben"] {
			t.Errorf("after the lease: %+v", left)
		}
	})
}
