package core_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/packed"
)

// network connects the servers of a test.
type network struct {
	mu    sync.Mutex
	buses []*testBus
	lose  func(from, to, topic string) bool // nil: nothing is lost
}

type handler = func(from string, data []byte, respond func([]byte))

type testBus struct {
	net    *network
	id     string
	handle map[string]handler // the network's lock guards it
	limit  int
	queue  chan func() // of messages that have arrived
}

func (n *network) join(c *core.Config) {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := &testBus{net: n, id: fmt.Sprint("server-", len(n.buses)+1), handle: map[string]handler{}, limit: 1 << 20, queue: make(chan func(), 1<<16)}
	go func() {
		for receive := range b.queue {
			receive()
		}
	}()
	n.buses = append(n.buses, b)
	c.Bus = b
}

// close ends the goroutines.
func (n *network) close() {
	for _, b := range n.buses {
		close(b.queue)
	}
}

func (n *network) cut(lose func(from, to, topic string) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lose = lose
}

func (b *testBus) Server() string  { return b.id }
func (b *testBus) Healthy() bool   { return true }
func (b *testBus) MaxMessage() int { return b.limit }

func (b *testBus) Handle(topic string, receive handler) { b.swap(topic, receive) }

// swap replaces the handler of a topic and returns the one before.
func (b *testBus) swap(topic string, receive handler) (before handler) {
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	before, b.handle[topic] = b.handle[topic], receive
	return before
}

// receive calls the handler of a topic.
func (b *testBus) receive(topic, from string, data []byte, respond func([]byte)) {
	b.net.mu.Lock()
	handle := b.handle[topic]
	b.net.mu.Unlock()
	handle(from, data, respond)
}

// to returns the servers that a message reaches: of all others, or of one.
func (b *testBus) to(topic, server string) (reached []*testBus) {
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	for _, o := range b.net.buses {
		if o != b && (server == "" || server == o.id) && (b.net.lose == nil || !b.net.lose(b.id, o.id, topic)) {
			reached = append(reached, o)
		}
	}
	return reached
}

func (b *testBus) Publish(topic string, data []byte) {
	for _, o := range b.to(topic, "") {
		o.queue <- func() { o.receive(topic, b.id, slices.Clone(data), func([]byte) {}) }
	}
}

func (b *testBus) Request(ctx context.Context, server, topic string, data []byte) ([]byte, error) {
	for _, o := range b.to(topic, server) {
		response := make(chan []byte, 1)
		o.queue <- func() { o.receive(topic, b.id, data, func(data []byte) { response <- data }) }
		select {
		case data := <-response:
			return data, nil
		case <-ctx.Done():
		}
	}
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// servers returns hubs on one store that know each other.
func servers(t *testing.T, store core.Store, n int, adjust ...func(*core.Config)) (*network, []*core.Hub) {
	t.Helper()
	net := new(network)
	t.Cleanup(net.close)
	hubs := make([]*core.Hub, n)
	for i := range hubs {
		hubs[i] = newHub(t, store, append([]func(*core.Config){net.join}, adjust...)...)
	}
	time.Sleep(2 * time.Second) // they read each other's rows
	synctest.Wait()
	return net, hubs
}

// appends counts the transactions of a store and those that met a conflict.
type appends struct {
	core.Store
	all, conflicts, reads atomic.Int32
}

func (s *appends) Append(ctx context.Context, batches []*core.Batch) error {
	time.Sleep(time.Millisecond)
	err := s.Store.Append(ctx, batches)
	s.all.Add(1)
	if err != nil {
		s.conflicts.Add(1)
	}
	return err
}

func (s *appends) Log(ctx context.Context, room string, after int64, page core.Page) ([]*core.Batch, error) {
	s.reads.Add(1)
	return s.Store.Log(ctx, room, after, page)
}

func TestServersCommitHotRoomWithoutConflictsAndReadNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &appends{Store: memstore.New()}
		_, hubs := servers(t, store, 3)
		var rooms []*core.Room
		for _, h := range hubs {
			rooms = append(rooms, room(t, h, "hot"))
		}
		store.reads.Store(0)
		var all sync.WaitGroup
		for w := range 30 {
			all.Go(func() {
				for n := range int64(20) {
					submit(t, rooms[(w+int(n))%3], batch(t, fmt.Sprint("writer-", w), n+1, "set x 1"))
				}
			})
		}
		all.Wait()
		synctest.Wait()
		for i, r := range rooms {
			if got := delivered(r); len(got) != 600 || !slices.IsSorted(got) {
				t.Errorf("readers of server %d got %d batches", i+1, len(got))
			}
		}
		if conflicts, reads := store.conflicts.Load(), store.reads.Load(); conflicts != 0 || reads != 0 {
			t.Errorf("%d of %d transactions met a conflict, and the log was read %d times", conflicts, store.all.Load(), reads)
		}
	})
}

func TestBatchOfUnreachableOwnerIsCommittedByOtherServerInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, hubs := servers(t, memstore.New(), 2)
		net.cut(func(_, _, topic string) bool { return topic == "submit" })
		for i := range 10 {
			began := time.Now()
			for s, h := range hubs {
				submit(t, room(t, h, fmt.Sprint("room-", i)), batch(t, fmt.Sprint("ann-", s), 1, "set x 1"))
			}
			if took := time.Since(began); took > 600*time.Millisecond || i == 9 && took > 0 {
				t.Errorf("round %d took %v", i, took)
			}
		}
	})
}

func TestServerThatDoesNotAnswerIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs [2]strings.Builder
		next := 0
		net, hubs := servers(t, memstore.New(), 2, func(c *core.Config) {
			c.Log = slog.New(slog.NewTextHandler(&logs[next], nil))
			next++
		})
		net.cut(func(_, _, topic string) bool { return topic == "submit" })
		var all sync.WaitGroup
		for i := range 20 {
			for s, h := range hubs {
				all.Go(func() { submit(t, room(t, h, fmt.Sprint("room-", i)), batch(t, fmt.Sprint("ann-", s), 1, "set x 1")) })
			}
		}
		all.Wait()
		for i := range logs {
			if got := strings.Count(logs[i].String(), "not forwarded"); got != 1 {
				t.Errorf("server %d logged %d times:\n%s", i, got, logs[i].String())
			}
		}
	})
}

// lonely is a store of a server that does not reach the database while down is set: calls fail at once, or time out.
type lonely struct {
	core.Store
	down    atomic.Bool
	refuses bool
}

func (s *lonely) reach(ctx context.Context) error {
	switch {
	case !s.down.Load():
		return nil
	case !s.refuses:
		<-ctx.Done()
		return ctx.Err()
	}
	return errors.New("connection refused")
}

func (s *lonely) Append(ctx context.Context, batches []*core.Batch) error {
	if err := s.reach(ctx); err != nil {
		return err
	}
	return s.Store.Append(ctx, batches)
}

func (s *lonely) Log(ctx context.Context, room string, after int64, page core.Page) ([]*core.Batch, error) {
	if err := s.reach(ctx); err != nil {
		return nil, err
	}
	return s.Store.Log(ctx, room, after, page)
}

func (s *lonely) Head(ctx context.Context, room string) (int64, error) {
	if err := s.reach(ctx); err != nil {
		return 0, err
	}
	return s.Store.Head(ctx, room)
}

func (s *lonely) Ping(ctx context.Context) error { return s.reach(ctx) }

// A server loses the database while it commits batches of another server, which then commits them itself. Its readers get them, and
// it accepts batches again when the database is back.
func TestReadersOfServerWithoutDatabaseGetBatchesOfOthers(t *testing.T) {
	for _, refuses := range []bool{false, true} {
		for _, together := range []int{1, 3} { // batches of different rooms in the transaction that fails
			t.Run(fmt.Sprintf("refuses %v, %d rooms", refuses, together), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					for i := range 5 {
						loseDatabase(t, fmt.Sprint("room-", i), refuses, together)
					}
				})
			})
		}
	}
}

func loseDatabase(t *testing.T, prefix string, refuses bool, together int) {
	net, database := new(network), memstore.New()
	t.Cleanup(net.close)
	store := &lonely{Store: database, refuses: refuses}
	alone, other := newHub(t, store, net.join), newHub(t, database, net.join)
	time.Sleep(2 * time.Second)
	var names []string
	for n := range together {
		names = append(names, fmt.Sprint(prefix, n))
		submit(t, room(t, other, names[n]), batch(t, "ann", 1, "set x 1"))
		room(t, alone, names[n])
	}
	store.down.Store(true)
	var all sync.WaitGroup
	for _, name := range names {
		all.Go(func() {
			submit(t, room(t, other, name), batch(t, "ann", 2, "set x 2"))
			submit(t, room(t, other, name), batch(t, "ann", 3, "set x 3"))
		})
	}
	all.Wait()
	time.Sleep(15 * time.Second) // one attempt of a transaction, and the delay before it
	for _, name := range names {
		if got := delivered(room(t, alone, name)); len(got) < 2 || !slices.Equal(got[len(got)-2:], []int64{2, 3}) {
			t.Errorf("%s: readers got %v", name, got)
		}
	}
	store.down.Store(false)
	time.Sleep(15 * time.Second)
	for _, name := range names {
		submit(t, room(t, alone, name), batch(t, "bob", 1, "set x 4"))
		submit(t, room(t, other, name), batch(t, "bob", 2, "set x 5"))
	}
	time.Sleep(time.Second)
	for _, h := range []*core.Hub{alone, other} {
		for _, name := range names {
			if got := delivered(room(t, h, name)); !slices.Equal(got[len(got)-4:], []int64{2, 3, 4, 5}) {
				t.Errorf("%s: readers got %v", name, got)
			}
		}
	}
}

func TestBatchCommittedTwiceByOwnerAndForwarderIsAppliedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		net, hubs := servers(t, store, 2)
		r := []*core.Room{room(t, hubs[0], "r"), room(t, hubs[1], "r")}
		// The owner gets the batch, but neither its answer nor its message arrives.
		net.cut(func(_, _, topic string) bool { return topic == "committed" })
		for _, b := range net.buses {
			var serve handler
			serve = b.swap("submit", func(from string, data []byte, _ func([]byte)) { serve(from, data, func([]byte) {}) })
		}
		for i := range r {
			a := submit(t, r[i], batch(t, fmt.Sprint("ann-", i), 1, fmt.Sprintf(`array_add list {"_sync_id":"a%d"} @0`, i)))
			if a.Batch.ServerSeq != int64(i+1) {
				t.Errorf("batch %d got number %d", i+1, a.Batch.ServerSeq)
			}
		}
		if got := numbers(t, store, "r"); len(got) != 2 {
			t.Errorf("the log has %v", got)
		}
	})
}

func TestLostRepeatedAndReorderedMessagesChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		net, hubs := servers(t, store, 2, tailed)
		read, write := room(t, hubs[0], "r"), room(t, hubs[1], "r")
		arrived := make(chan []byte, 8)
		receive := net.buses[0].swap("committed", func(_ string, data []byte, _ func([]byte)) { arrived <- data })
		net.cut(func(_, _, topic string) bool { return topic == "submit" })
		for n := range int64(8) {
			submit(t, write, batch(t, "ann", n+1, fmt.Sprintf("set x %d", n)))
		}
		var kept [][]byte
		for range 8 {
			kept = append(kept, <-arrived)
		}
		for _, i := range []int{7, 1, 1, 0, 3, 7, 0, 5} {
			receive("server-2", kept[i], nil)
			synctest.Wait()
		}
		time.Sleep(100 * time.Millisecond) // it waits for messages that others have overtaken
		synctest.Wait()
		if got := delivered(read); len(got) != 8 || !slices.IsSorted(got) {
			t.Errorf("readers got %v", got)
		}
		wantDocument(t, read, `{"x":7}`)
	})
}

func TestGarbageAndOtherEpochsOnBusAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		net, hubs := servers(t, store, 2)
		read := room(t, hubs[0], "r")
		for _, topic := range []string{"committed", "submit", "servers"} {
			for _, data := range []string{"", "\x00", "\xff\xff\xff", "\x10" + store.Epoch() + "\x02r\x02\xfe\xff\xff\xff\x0f", "\x10abcdefgh\x02r\x02\x00", "\x10" + store.Epoch() + "\xff"} {
				net.buses[0].receive(topic, "server-2", []byte(data), func([]byte) {})
			}
		}
		synctest.Wait()
		if got := delivered(read); len(got) != 0 {
			t.Errorf("readers got %v", got)
		}
		var receive handler
		receive = net.buses[0].swap("committed", func(from string, data []byte, respond func([]byte)) {
			receive(from, bytes.Replace(data, []byte(store.Epoch()), []byte("abcdefgh"), 1), respond)
		})
		net.cut(func(_, _, topic string) bool { return topic == "submit" })
		submit(t, room(t, hubs[1], "r"), batch(t, "ann", 1, "set x 1"))
		synctest.Wait()
		if got := delivered(read); len(got) != 0 {
			t.Errorf("from a message of another epoch, readers got %v", got)
		}
		net.buses[0].swap("committed", receive)
		submit(t, room(t, hubs[1], "r"), batch(t, "ann", 2, "set x 2"))
		time.Sleep(100 * time.Millisecond) // it waits for the message that was dropped
		synctest.Wait()
		wantDocument(t, read, `{"x":2}`)
	})
}

func TestUnnumberedBatchIsAppliedOnceWithoutAnswersOfOtherServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		net, hubs := servers(t, store, 2)
		for _, b := range net.buses {
			var serve handler
			serve = b.swap("submit", func(from string, data []byte, _ func([]byte)) { serve(from, data, func([]byte) {}) })
		}
		for _, h := range hubs {
			submit(t, room(t, h, "r"), batch(t, "ann", core.NoClientSeq, "set x 1"))
		}
		if got := numbers(t, store, "r"); len(got) != 2 {
			t.Errorf("the log has %d batches", len(got))
		}
	})
}

func TestServerThatForwardsHasBatchWhenItAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, hubs := servers(t, memstore.New(), 2)
		net.cut(func(_, _, topic string) bool { return topic == "committed" })
		for i := range 200 {
			r := room(t, hubs[i%2], fmt.Sprint("room-", i))
			submit(t, r, batch(t, "ann", 1, "set x 1"))
			if len(delivered(r)) != 1 {
				t.Fatalf("room %d does not have it", i)
			}
		}
	})
}

func TestBatchBeyondBusLimitGoesThroughLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, hubs := servers(t, memstore.New(), 2)
		for _, b := range net.buses {
			b.limit = 200
		}
		one, two := room(t, hubs[0], "r"), room(t, hubs[1], "r")
		long := fmt.Sprintf("set x %q", fmt.Sprintf("%0300d", 1))
		for n := range int64(3) {
			submit(t, one, batch(t, "ann", n+1, long))
		}
		synctest.Wait()
		if got := delivered(two); len(got) != 3 {
			t.Errorf("readers got %v", got)
		}
	})
}

func TestReaderWithPositionOfAnotherServerWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		net, hubs := servers(t, store, 2)
		one, two := room(t, hubs[0], "r"), room(t, hubs[1], "r")
		net.cut(func(string, string, string) bool { return true })
		submit(t, one, batch(t, "ann", 1, "set x 1"))
		if err := two.CheckPosition(t.Context(), 1); err != nil {
			t.Error(err)
		}
		wantDocument(t, two, `{"x":1}`)
		if err := two.CheckPosition(t.Context(), 2); err != nil {
			t.Errorf("a false position: %v", err)
		}
	})
}

func TestPositionThatServerCannotReachIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, database := new(network), memstore.New()
		t.Cleanup(net.close)
		store := &lonely{Store: database}
		one, two := newHub(t, database, net.join), newHub(t, store, net.join)
		time.Sleep(2 * time.Second)
		behind := room(t, two, "r")
		net.cut(func(string, string, string) bool { return true })
		store.down.Store(true)
		submit(t, room(t, one, "r"), batch(t, "ann", 1, "set x 1"))
		if err := behind.CheckPosition(t.Context(), 1); !errors.Is(err, core.ErrBehind) || !errors.Is(err, core.ErrUnavailable) {
			t.Errorf("without the database: %v", err)
		}
		store.down.Store(false)
		if err := behind.CheckPosition(t.Context(), 1); err != nil {
			t.Errorf("with the database: %v", err)
		}
	})
}

func TestDrainedServerHandsItsRoomsOverBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &appends{Store: memstore.New()}
		net, hubs := servers(t, store, 3)
		for _, h := range hubs {
			for i := range 20 {
				room(t, h, fmt.Sprint("room-", i))
			}
		}
		var forwarded atomic.Int32 // to the drained server
		net.cut(func(_, to, topic string) bool {
			if to == "server-1" && topic == "submit" {
				forwarded.Add(1)
			}
			return false
		})
		if err := hubs[0].Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		nodes, err := store.Nodes(t.Context())
		if err != nil || len(nodes) != 3 || !nodes[0].Draining {
			t.Fatalf("%+v, %v", nodes, err)
		}
		began := time.Now()
		for i := range 20 {
			for n, h := range hubs {
				submit(t, room(t, h, fmt.Sprint("room-", i)), batch(t, fmt.Sprint("ann-", n), 1, "set x 1"))
			}
		}
		if took := time.Since(began); took > 60*2*time.Millisecond || store.conflicts.Load() > 0 || forwarded.Load() > 0 {
			t.Errorf("60 batches took %v and %d conflicts; %d were forwarded to the drained server", took, store.conflicts.Load(), forwarded.Load())
		}
		closeHub(t, hubs[0])
		if nodes, _ = store.Nodes(t.Context()); len(nodes) != 2 {
			t.Errorf("%+v", nodes)
		}
	})
}

func TestDeadServerCostsOneWaitAndIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		_, hubs := servers(t, store, 1)
		ghost := core.Node{ID: "ghost", Epoch: store.Epoch(), Protocol: core.Protocol, Oldest: core.OldestProtocol}
		if err := store.SaveNode(t.Context(), ghost); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		all := func() time.Duration {
			began := time.Now()
			for i := range 50 {
				submit(t, room(t, hubs[0], fmt.Sprint("room-", i)), batch(t, fmt.Sprint("ann-", time.Now().UnixNano()), 1, "set x 1"))
			}
			return time.Since(began)
		}
		if took := all(); took != 500*time.Millisecond {
			t.Errorf("with a server that has just died, 50 rooms took %v", took)
		}
		time.Sleep(6 * time.Second)
		if took := all(); took != 0 {
			t.Errorf("later, 50 rooms took %v", took)
		}
		time.Sleep(time.Minute)
		if nodes, err := store.Nodes(t.Context()); err != nil || len(nodes) != 1 {
			t.Errorf("%+v, %v", nodes, err)
		}
	})
}

func TestServerOfUnknownVersionGetsNoBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		net, hubs := servers(t, store, 1)
		net.cut(func(string, string, string) bool { return true })
		for i, n := range []core.Node{{Protocol: core.OldestProtocol - 1}, {Protocol: core.Protocol + 2, Oldest: core.Protocol + 1}, {Protocol: core.Protocol, Epoch: "another"}} {
			n.ID = fmt.Sprint("stranger-", i)
			if n.Epoch == "" {
				n.Epoch = store.Epoch()
			}
			if err := store.SaveNode(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		began := time.Now()
		for i := range 50 {
			submit(t, room(t, hubs[0], fmt.Sprint("room-", i)), batch(t, "ann", 1, "set x 1"))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("50 batches took %v", took)
		}
	})
}

func TestRowsAreWrittenByTheServerThatCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		var ms []*measurer
		_, hubs := servers(t, store, 3, func(c *core.Config) {
			m := new(measurer)
			ms = append(ms, m)
			c.Metrics = m
		})
		for _, h := range hubs {
			room(t, h, "r")
		}
		for n := range int64(20) {
			submit(t, room(t, hubs[0], "r"), batch(t, "ann", n+1, fmt.Sprintf("set x %d", n)))
			time.Sleep(time.Second)
		}
		time.Sleep(10 * time.Second)
		writers := 0
		for _, m := range ms {
			if m.read().rows > 0 {
				writers++
			}
		}
		docs, err := store.Documents(t.Context(), "r")
		if err != nil || len(docs) != 1 || docs[0].ServerSeq != 20 || writers != 1 {
			t.Errorf("%d servers have written %+v, %v", writers, docs, err)
		}
	})
}

func TestInitialStateIsLoadedByOneServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int32
		loader := loaderFunc(func(_ context.Context, room string) (map[string]json.RawMessage, error) {
			loads.Add(1)
			time.Sleep(time.Second)
			return map[string]json.RawMessage{"default": json.RawMessage(`{"room":"` + room + `"}`)}, nil
		})
		_, hubs := servers(t, memstore.New(), 3, func(c *core.Config) { c.InitialState = loader })
		var all sync.WaitGroup
		for i := range 10 {
			for _, h := range hubs {
				all.Go(func() {
					name := fmt.Sprint("room-", i)
					r, release, err := h.Room(t.Context(), name)
					if err != nil {
						t.Error(err)
						return
					}
					defer release()
					wantDocument(t, r, `{"room":"`+name+`"}`)
				})
			}
		}
		all.Wait()
		if n := loads.Load(); n != 10 {
			t.Errorf("10 rooms were loaded %d times", n)
		}
	})
}

type loaderFunc func(ctx context.Context, room string) (map[string]json.RawMessage, error)

func (f loaderFunc) LoadInitialState(ctx context.Context, room string) (map[string]json.RawMessage, error) {
	return f(ctx, room)
}

func TestLogIsPrunedByOneServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &walks{Store: memstore.New()}
		_, hubs := servers(t, store, 3, func(c *core.Config) {
			c.Retention, c.PruneInterval = core.Retention{Count: 1}, time.Second
		})
		submit(t, room(t, hubs[0], "r"), batch(t, "ann", 1, "set x 1"))
		time.Sleep(2500 * time.Millisecond) // not at the time of a round
		store.rounds.Store(0)
		time.Sleep(10 * time.Second)
		if n := store.rounds.Load(); n < 5 || n > 15 {
			t.Errorf("in 10 s, the rooms of the log were read %d times", n)
		}
	})
}

// walks counts iterations over the rooms.
type walks struct {
	core.Store
	rounds atomic.Int32
}

func (s *walks) NextRoom(ctx context.Context, after string) (string, error) {
	if after == "" {
		s.rounds.Add(1)
	}
	return s.Store.NextRoom(ctx, after)
}

func TestServerThatCannotOpenRoomDoesNotClaimSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, _ := servers(t, memstore.New(), 2)
		var m packed.Message
		m.Text("another epoch")
		m.Text("r")
		answer := make(chan []byte, 1)
		net.buses[0].receive("open", "server-2", m, func(data []byte) { answer <- data })
		if r := packed.Read(<-answer); r.Bool() || r.Err() != nil {
			t.Error("it answers that the room is open, or with garbage")
		}
	})
}
