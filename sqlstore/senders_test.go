package sqlstore

import (
	"cmp"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// logModel has the batches that a log should have.
type logModel struct {
	rng  *rand.Rand
	logs map[string][]*core.Batch
}

// next returns the next batch of a room. Most clients count, as core does; the client "confused" does not.
func (m *logModel) next(room string) *core.Batch {
	log := m.logs[room]
	b := &core.Batch{Room: room, Key: "k", ClientID: fmt.Sprint("client-", m.rng.IntN(6)), ClientSeq: core.NoClientSeq, ServerSeq: 1, ServerTs: 1}
	if len(log) > 0 {
		b.ServerSeq = log[len(log)-1].ServerSeq + 1
	}
	switch m.rng.IntN(20) {
	case 0: // without a number
	case 1:
		b.ClientID, b.ClientSeq = "confused", m.rng.Int64N(20)
	case 2:
		b.ClientID, b.ClientSeq = "rare", b.ServerSeq
	default:
		b.ClientSeq = m.last(room, b.ClientID) + 1 + m.rng.Int64N(3)
	}
	for range 1 + m.rng.IntN(3) {
		b.Ops = append(b.Ops, core.LoggedOp{Kind: tree.Set, Path: "p", Value: fmt.Sprint(b.ServerSeq), Index: tree.NoIndex})
	}
	m.logs[room] = append(log, b)
	return b
}

func (m *logModel) last(room, clientID string) int64 {
	last := int64(core.NoClientSeq)
	for _, b := range m.logs[room] {
		if b.ClientID == clientID {
			last = max(last, b.ClientSeq)
		}
	}
	return last
}

// compare compares what a store finds with the model.
func (m *logModel) compare(t *testing.T, s *Store) {
	t.Helper()
	for room, log := range m.logs {
		first := map[string]int64{}
		for _, b := range log {
			if last, err := s.LastClientSeq(t.Context(), room, b.ClientID); err != nil || last != m.last(room, b.ClientID) {
				t.Fatalf("the last number of %s in %s is %d, want %d, %v", b.ClientID, room, last, m.last(room, b.ClientID), err)
			}
			if b.ClientSeq == core.NoClientSeq {
				continue
			}
			id := fmt.Sprint(b.ClientID, " ", b.ClientSeq)
			first[id] = cmp.Or(first[id], b.ServerSeq)
			found, err := s.FindBatch(t.Context(), room, b.ClientID, b.ClientSeq)
			if err != nil || found == nil || found.ServerSeq != first[id] || len(found.Ops) != len(m.at(room, first[id]).Ops) {
				t.Fatalf("number %s in %s is in batch %d, and found is %+v, %v", id, room, first[id], found, err)
			}
		}
	}
}

func (m *logModel) at(room string, seq int64) *core.Batch {
	i := slices.IndexFunc(m.logs[room], func(b *core.Batch) bool { return b.ServerSeq == seq })
	return m.logs[room][i]
}

// Two servers append to one file and prune it, and are restarted.
func TestSparseClientIndexFindsEveryBatch(t *testing.T) {
	seeds := uint64(3)
	if raceDetector { // one goroutine, and many times slower
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			file := newFile(t)
			stores := []*Store{openFile(t, file), openFile(t, file)}
			m := &logModel{rng: rand.New(rand.NewPCG(seed, 0)), logs: map[string][]*core.Batch{}}
			for step := range 100 {
				s := stores[0]
				switch n := m.rng.IntN(30); {
				case n == 0:
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					stores[0] = openFile(t, file)
					continue
				case n < 10:
					stores[0], stores[1] = stores[1], stores[0]
					continue
				case n < 16:
					room := fmt.Sprint("room-", m.rng.IntN(2))
					if log := m.logs[room]; len(log) > 1 {
						cut := m.rng.IntN(len(log) - 1)
						if err := s.Prune(t.Context(), room, 0, log[cut].ServerSeq); err != nil {
							t.Fatal(err)
						}
						m.logs[room] = log[cut+1:]
					}
				default:
					group := make([]*core.Batch, 1+m.rng.IntN(60))
					for i := range group {
						group[i] = m.next(fmt.Sprint("room-", m.rng.IntN(2)))
					}
					if err := s.Append(t.Context(), group); err != nil {
						t.Fatal(err)
					}
				}
				if step%10 == 0 || step > 95 {
					m.compare(t, s)
				}
			}
			m.compare(t, stores[0])
		})
	}
}

// The client's indexed batch is pruned, and no other is left from which the next could be found.
func TestBatchAfterAPrunedOneIsFound(t *testing.T) {
	file := newFile(t)
	s, another := openFile(t, file), openFile(t, file)
	send := func(s *Store, room string, serverSeq int64, clientID string, clientSeq int64) {
		t.Helper()
		b := &core.Batch{Room: room, Key: "k", ClientID: clientID, ClientSeq: clientSeq, ServerSeq: serverSeq, ServerTs: 1,
			Ops: []core.LoggedOp{{Kind: tree.Set, Path: "p", Value: "1", Index: tree.NoIndex}}}
		if err := s.Append(t.Context(), []*core.Batch{b}); err != nil {
			t.Fatal(err)
		}
	}
	for room, pruner := range map[string]*Store{"pruned by this server": s, "pruned by another server": another} {
		send(s, room, 1, "ada", 1)
		send(pruner, room, 2, "bob", 1)
		send(pruner, room, 3, "bob", 2)
		if err := pruner.Prune(t.Context(), room, 0, 2); err != nil {
			t.Fatal(err)
		}
		send(s, room, 4, "ada", 2)
		for clientID, want := range map[string]int64{"ada": 4, "bob": 3} {
			if b, err := s.FindBatch(t.Context(), room, clientID, 2); err != nil || b == nil || b.ServerSeq != want {
				t.Errorf("%s: the batch of %s is %d, and found is %+v, %v", room, clientID, want, b, err)
			}
			if last, err := s.LastClientSeq(t.Context(), room, clientID); err != nil || last != 2 {
				t.Errorf("%s: the last number of %s is %d, %v", room, clientID, last, err)
			}
		}
	}
}

// Four clients of a room have one entry each for every 64 batches of the room.
func TestClientIndexHasFewEntries(t *testing.T) {
	s := openFile(t, newFile(t))
	const batches = 1280
	for seq := int64(1); seq <= batches; seq++ {
		b := &core.Batch{Room: "r", Key: "k", ClientID: fmt.Sprint("client-", seq%4), ClientSeq: seq, ServerSeq: seq, ServerTs: 1,
			Ops: []core.LoggedOp{{Kind: tree.Set, Path: "p", Value: "1", Index: tree.NoIndex}}}
		if err := s.Append(t.Context(), []*core.Batch{b}); err != nil {
			t.Fatal(err)
		}
	}
	entries := queryText(t, s.dialect.Reader(), "SELECT COUNT(*) FROM sync_change_log WHERE op_index = 0 AND unindexed IS NULL")
	if entries != "80" {
		t.Errorf("%d batches have %s entries", batches, entries)
	}
}

func TestBatchesLoggedBeforeTheSparseIndexAreFound(t *testing.T) {
	file := newFile(t)
	db := rawFile(t, file)
	d, err := newDialect("sqlite:"+file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, migration := range d.Schema().Migrations[:3] {
		mustExec(t, db, migration)
	}
	mustExec(t, db, "INSERT INTO sync_meta VALUES ('epoch', 'e'), ('schema_version', '3')")
	for seq := range 3 {
		mustExec(t, db, `INSERT INTO sync_change_log (room, store_key, path, op, value, client_id, server_seq, server_ts, op_index, client_seq)
			VALUES ('r', 'k', 'p', 'set', '1', 'ada', ?, 1, 0, ?)`, seq+1, 10*seq)
	}
	s := openFile(t, file)
	if last, err := s.LastClientSeq(t.Context(), "r", "ada"); err != nil || last != 20 {
		t.Errorf("the last number is %d, %v", last, err)
	}
	for seq := range int64(3) {
		if b, err := s.FindBatch(t.Context(), "r", "ada", 10*seq); err != nil || b == nil || b.ServerSeq != seq+1 {
			t.Errorf("number %d: %+v, %v", 10*seq, b, err)
		}
	}
}
