package sim

import (
	"context"
	"slices"
	"time"

	"github.com/pathsync/pathsync/core"
)

// store is one server's core.Store.
type store struct {
	*link
	inner core.Store
}

var _ core.Store = (*store)(nil)

func (s *store) Epoch() string { return s.inner.Epoch() }
func (s *store) Created() bool { return s.inner.Created() }
func (s *store) Close() error  { return nil } // the database goes on

func (s *store) Reopen(ctx context.Context, lost bool) (core.Store, error) {
	inner, err := call(ctx, s.link, s.dice("Reopen"), func() (core.Store, error) { return s.inner.Reopen(ctx, lost) })
	if err != nil {
		return nil, err
	}
	return &store{s.link, inner}, nil
}

func (s *store) Append(ctx context.Context, batches []*core.Batch) error {
	dice := s.dice("Append", batches[0].Room, batches[0].ServerSeq, batches[0].ClientID)
	f, err := s.begin(ctx, dice)
	if err != nil {
		return err
	}
	if dice.chance(f.givenUp) {
		s.commitLate(s.inner, batches, dice, f)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.dead:
			return errCrashed
		}
	}
	if err := s.db.append(ctx, s.inner, batches, dice, f); err != nil {
		return err
	}
	if dice.chance(f.lostAnswer) {
		return errLost
	}
	return s.end(ctx, dice)
}

func (s *store) Log(ctx context.Context, room string, after int64, page core.Page) ([]*core.Batch, error) {
	batches, err := call(ctx, s.link, s.dice("Log", room, after), func() ([]*core.Batch, error) { return s.inner.Log(ctx, room, after, page) })
	if err != nil {
		return nil, err
	}
	return batches, s.slow(ctx, room)
}

// slow is a response that takes long to arrive, so that others commit meanwhile.
func (s *store) slow(ctx context.Context, room string) error {
	dice := s.dice("slow", room)
	if f, _ := s.db.current(); dice.chance(f.slowReading) {
		return s.sleep(ctx, dice.duration(0, 2*time.Second))
	}
	return nil
}

func (s *store) FindBatch(ctx context.Context, room, clientID string, clientSeq int64) (*core.Batch, error) {
	return call(ctx, s.link, s.dice("FindBatch", room, clientID, clientSeq), func() (*core.Batch, error) { return s.inner.FindBatch(ctx, room, clientID, clientSeq) })
}

func (s *store) LastClientSeq(ctx context.Context, room, clientID string) (int64, error) {
	return call(ctx, s.link, s.dice("LastClientSeq", room, clientID), func() (int64, error) { return s.inner.LastClientSeq(ctx, room, clientID) })
}

func (s *store) Documents(ctx context.Context, room string) ([]core.Document, error) {
	return call(ctx, s.link, s.dice("Documents", room), func() ([]core.Document, error) { return s.inner.Documents(ctx, room) })
}

func (s *store) SaveDocuments(ctx context.Context, docs []core.Document) error {
	return s.do(ctx, "SaveDocuments", func() error {
		s.db.mu.Lock()
		defer s.db.mu.Unlock()
		err := s.inner.SaveDocuments(ctx, docs)
		if err == nil {
			s.db.history.saved(s.Epoch(), docs)
		}
		return err
	})
}

func (s *store) Head(ctx context.Context, room string) (int64, error) {
	return call(ctx, s.link, s.dice("Head", room), func() (int64, error) { return s.inner.Head(ctx, room) })
}

func (s *store) Checkpoint(ctx context.Context, room string) (core.Checkpoint, error) {
	return call(ctx, s.link, s.dice("Checkpoint", room), func() (core.Checkpoint, error) { return s.inner.Checkpoint(ctx, room) })
}

func (s *store) SaveCheckpoints(ctx context.Context, checkpoints []core.Checkpoint) error {
	return s.do(ctx, "SaveCheckpoints", func() error {
		s.db.mu.Lock()
		defer s.db.mu.Unlock()
		err := s.inner.SaveCheckpoints(ctx, checkpoints)
		for _, c := range checkpoints {
			if err == nil {
				s.db.history.checkpointed(s.Epoch(), c)
			}
		}
		return err
	})
}

func (s *store) NextRoom(ctx context.Context, after string) (string, error) {
	return call(ctx, s.link, s.dice("NextRoom"), func() (string, error) { return s.inner.NextRoom(ctx, after) })
}

func (s *store) RoomAfter(ctx context.Context, after string) (core.StoredRoom, error) {
	return call(ctx, s.link, s.dice("RoomAfter"), func() (core.StoredRoom, error) { return s.inner.RoomAfter(ctx, after) })
}

func (s *store) Oldest(ctx context.Context, room string, after int64, bounds core.Bounds) ([]core.Entry, error) {
	return call(ctx, s.link, s.dice("Oldest", room), func() ([]core.Entry, error) { return s.inner.Oldest(ctx, room, after, bounds) })
}

func (s *store) Prune(ctx context.Context, room string, after, through int64) error {
	return s.do(ctx, "Prune", func() error { return s.inner.Prune(ctx, room, after, through) })
}

func (s *store) Now(ctx context.Context) (time.Time, error) {
	return call(ctx, s.link, s.dice("Now"), func() (time.Time, error) { return s.inner.Now(ctx) })
}

func (s *store) Setting(ctx context.Context, name string) (string, error) {
	return call(ctx, s.link, s.dice("Setting"), func() (string, error) { return s.inner.Setting(ctx, name) })
}

func (s *store) SaveSetting(ctx context.Context, name, value string) error {
	return s.do(ctx, "SaveSetting", func() error { return s.inner.SaveSetting(ctx, name, value) })
}

func (s *store) InitSetting(ctx context.Context, name, value string) (string, error) {
	return call(ctx, s.link, s.dice("InitSetting"), func() (string, error) { return s.inner.InitSetting(ctx, name, value) })
}

func (s *store) SaveNode(ctx context.Context, node core.Node) error {
	return s.do(ctx, "SaveNode", func() error { return s.inner.SaveNode(ctx, node) })
}

func (s *store) RemoveNodes(ctx context.Context, ids ...string) error {
	return s.do(ctx, "RemoveNodes", func() error { return s.inner.RemoveNodes(ctx, ids...) })
}

func (s *store) Nodes(ctx context.Context) ([]core.Node, error) {
	return call(ctx, s.link, s.dice("Nodes"), func() ([]core.Node, error) { return s.inner.Nodes(ctx) })
}

func (s *store) Ping(ctx context.Context) error {
	return s.do(ctx, "Ping", func() error { return s.inner.Ping(ctx) })
}

func (s *store) do(ctx context.Context, name string, do func() error) error {
	_, err := call(ctx, s.link, s.dice(name), func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// tail makes batches visible late, in another order than they were committed in. Within a room it keeps the order.
type tail struct {
	*store
	inner   core.Tail
	waiting []core.TailEntry
}

func (s *store) OpenTail(ctx context.Context) (core.Tail, error) {
	inner, err := call(ctx, s.link, s.dice("OpenTail"), func() (core.Tail, error) { return s.inner.OpenTail(ctx) })
	return &tail{store: s, inner: inner}, err
}

func (t *tail) Held() time.Duration { return 0 }

func (t *tail) Next(ctx context.Context) (entries []core.TailEntry, more bool, err error) {
	dice := t.dice("Next")
	f, err := t.begin(ctx, dice)
	if err != nil {
		return nil, false, err
	}
	if dice.chance(f.lostTail) {
		return nil, false, core.ErrTailLost
	}
	added, more, err := t.inner.Next(ctx)
	if err != nil {
		return nil, false, err
	}
	t.db.mu.Lock()
	defer t.db.mu.Unlock()
	all := slices.Concat(t.waiting, added)
	t.waiting = nil
	held := map[string]bool{}
	for _, e := range all {
		if held[e.Room] || t.db.late[e].After(time.Now()) {
			held[e.Room] = true
			t.waiting = append(t.waiting, e)
		} else {
			entries = append(entries, e)
		}
	}
	return entries, more, nil
}
