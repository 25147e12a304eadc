package core_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/tree"
)

// measurer stores the measurements of a hub.
type measurer struct {
	mu        sync.Mutex
	measured  measured
	discarded []tree.Reason
}

type measured struct {
	transactions, batches, repeated, rows, retries, rejected, contradicted int
	received, read                                                         int // batches of other servers
	commits, checkpoints                                                   time.Duration
}

func (m *measurer) note(f func(*measured)) { m.mu.Lock(); defer m.mu.Unlock(); f(&m.measured) }

func (m *measurer) Committed(batches []*core.Batch, took time.Duration) {
	m.note(func(n *measured) { n.transactions++; n.batches += len(batches); n.commits += took })
	for _, b := range batches {
		for _, op := range b.Ops {
			m.discarded = append(m.discarded, op.Discarded)
		}
	}
}

func (m *measurer) Repeated()     { m.note(func(n *measured) { n.repeated++ }) }
func (m *measurer) Retried()      { m.note(func(n *measured) { n.retries++ }) }
func (m *measurer) Rejected()     { m.note(func(n *measured) { n.rejected++ }) }
func (m *measurer) Contradicted() { m.note(func(n *measured) { n.contradicted++ }) }
func (m *measurer) CaughtUp(batches int, fromLog bool) {
	m.note(func(n *measured) {
		if fromLog {
			n.read += batches
		} else {
			n.received += batches
		}
	})
}
func (m *measurer) Checkpointed(rows int, took time.Duration) {
	m.note(func(n *measured) { n.rows += rows; n.checkpoints += took })
}

func (m *measurer) read() (n measured) { m.note(func(now *measured) { n = *now }); return n }

func measuredBy(m *measurer) func(*core.Config) { return func(c *core.Config) { c.Metrics = m } }

func TestMetricsReceiveCommitsRepeatsAndCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(measurer)
		h := newHub(t, memstore.New(), measuredBy(m))
		r := room(t, h, "r")
		for range 2 {
			submit(t, r, batch(t, "ada", 1, "set x 1", "delete nothing"))
		}
		if n := m.read(); n.transactions != 1 || n.batches != 1 || n.repeated != 1 || n.rows != 0 {
			t.Errorf("%+v", n)
		}
		if len(m.discarded) != 2 || m.discarded[0] != tree.Applied || m.discarded[1] != tree.NotFound {
			t.Errorf("the outcomes are %q", m.discarded)
		}
		time.Sleep(2 * time.Second)
		if n := m.read(); n.rows != 1 || n.retries != 0 {
			t.Errorf("%+v", n)
		}
	})
}

func TestCommitDurationIncludesRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(measurer)
		attempts := 0
		store := &faultyStore{Store: memstore.New()}
		store.append = func(_ context.Context, _ []*core.Batch, do func() error) error {
			time.Sleep(time.Second)
			if attempts++; attempts < 3 {
				return errNoDatabase
			}
			return do()
		}
		h := newHub(t, store, measuredBy(m))
		submit(t, room(t, h, "r"), batch(t, "ada", 1, "set x 1"))
		if n := m.read(); n.retries != 2 || n.transactions != 1 || n.commits < 3*time.Second || n.commits > 4*time.Second {
			t.Errorf("%+v", n)
		}
	})
}

// The response of the first attempt is lost, and the second conflicts with it.
func TestCommitFoundInLogIsMeasuredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(measurer)
		store := &faultyStore{Store: memstore.New()}
		store.append = func(_ context.Context, _ []*core.Batch, do func() error) error {
			if err := do(); err != nil {
				return err
			}
			return errNoDatabase
		}
		h := newHub(t, store, measuredBy(m))
		submit(t, room(t, h, "r"), batch(t, "ada", 1, "set x 1"))
		if n := m.read(); n.transactions != 1 || n.batches != 1 || n.retries != 1 {
			t.Errorf("%+v", n)
		}
	})
}

func TestCheckpointLagIsAgeOfOldestUnsavedChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(measurer)
		store := &faultyStore{Store: memstore.New()}
		store.hook(func() { store.save = func() error { time.Sleep(time.Second); return errNoDatabase } })
		h := newHub(t, store, measuredBy(m), func(c *core.Config) { c.ServerBatch = 10 * time.Second })
		lag := func(want time.Duration) {
			t.Helper()
			synctest.Wait()
			if got := h.Stats().Unsaved; got != want {
				t.Errorf("the lag is %s, want %s", got, want)
			}
		}
		lag(0)
		submit(t, room(t, h, "a"), batch(t, "ada", 1, "set x 1"))
		time.Sleep(5 * time.Second)
		submit(t, room(t, h, "b"), batch(t, "ada", 1, "set x 1"))
		lag(5 * time.Second)
		time.Sleep(5500 * time.Millisecond)
		lag(10500 * time.Millisecond) // the write is running
		time.Sleep(time.Second)
		lag(11500 * time.Millisecond) // the write has failed
		store.hook(func() { store.save = nil })
		time.Sleep(10 * time.Second)
		lag(0)
		if n := m.read(); n.rows != 2 || n.retries != 1 {
			t.Errorf("%+v", n)
		}
	})
}

func TestStatsReportRoomsAndOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		h := newHub(t, store)
		r := room(t, h, "a")
		room(t, h, "b")
		store.hook(func() {
			store.append = func(context.Context, []*core.Batch, func() error) error { return errNoDatabase }
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p := batch(t, "ada", 1, "set x 1")
		go func() { _, _ = r.Submit(ctx, p) }()
		time.Sleep(time.Second)
		if s := h.Stats(); s.Rooms != 2 || s.QueuedBytes == 0 || !s.Outage {
			t.Errorf("%+v", s)
		}
		store.hook(func() { store.append = nil })
		time.Sleep(2 * time.Second)
		if s := h.Stats(); s.QueuedBytes != 0 || s.Outage {
			t.Errorf("%+v", s)
		}
	})
}
