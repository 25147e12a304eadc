package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
)

// audits are triggers that copy the first row of each batch into a table that no pruner touches, and a unique index
// would be wrong on: it has to show what was logged twice.
var audits = map[string][]string{
	"SQLite": {
		"CREATE TABLE audit (room TEXT, server_seq INTEGER, client_id TEXT, client_seq INTEGER)",
		`CREATE TRIGGER audit AFTER INSERT ON sync_change_log WHEN NEW.op_index = 0 BEGIN
			INSERT INTO audit VALUES (NEW.room, NEW.server_seq, NEW.client_id, NEW.client_seq); END`,
	},
	"PostgreSQL": {
		"CREATE TABLE audit (room TEXT, server_seq BIGINT, client_id TEXT, client_seq BIGINT)",
		`CREATE FUNCTION audited() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO audit VALUES (NEW.room, NEW.server_seq, NEW.client_id, NEW.client_seq); RETURN NEW; END $$`,
		"CREATE TRIGGER audit AFTER INSERT ON sync_change_log FOR EACH ROW WHEN (NEW.op_index = 0) EXECUTE FUNCTION audited()",
	},
}

// logged is where a batch is in the log.
type logged struct {
	room      string
	serverSeq int64
}

// sent is a batch as its client knows it.
type sent struct {
	room, client string
	clientSeq    int64
}

// TestTwoServersNeverForkAPrunedLog has clients write to rooms now through one server and now through another, while both
// prune all but the last batch of each room as soon as they can. PATHSYNC_TEST_FORK is for how long.
func TestTwoServersNeverForkAPrunedLog(t *testing.T) {
	duration, err := time.ParseDuration(cmp.Or(os.Getenv("PATHSYNC_TEST_FORK"), "2s"))
	if err != nil {
		t.Fatal(err)
	}
	onEachEngine(t, func(t *testing.T, e engine) {
		audit, ok := audits[e.name]
		if !ok {
			t.Skip("there is no audit for this kind of database")
		}
		dsn := e.newDSN(t)
		var hubs []*core.Hub
		for range 2 {
			hubs = append(hubs, pruningHub(t, openDSN(t, dsn)))
		}
		raw := e.raw(t, dsn)
		for _, statement := range audit {
			mustExec(t, raw, statement)
		}

		acknowledged := sendByTurns(t, hubs, duration)

		rows, err := raw.QueryContext(t.Context(), "SELECT room, server_seq, client_id, client_seq FROM audit")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		log, times := map[logged]sent{}, map[sent]int{}
		for rows.Next() {
			var at logged
			var b sent
			if err := rows.Scan(&at.room, &at.serverSeq, &b.client, &b.clientSeq); err != nil {
				t.Fatal(err)
			}
			b.room = at.room
			if other, twice := log[at]; twice {
				t.Errorf("batch %d of %s was given to %v and to %v", at.serverSeq, at.room, other, b)
			}
			log[at] = b
			times[b]++
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		for b, at := range acknowledged {
			if log[at] != b || times[b] != 1 {
				t.Errorf("%v was acknowledged as %v; there is %v, and the batch is in the log %d times", b, at, log[at], times[b])
			}
		}
		var left int
		if err := raw.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM sync_change_log").Scan(&left); err != nil {
			t.Fatal(err)
		}
		if left >= len(acknowledged) {
			t.Errorf("%d of %d batches are left: nothing was pruned", left, len(acknowledged))
		}
		t.Logf("%d batches acknowledged, %d rows left in the log", len(acknowledged), left)
	})
}

// pruningHub is a server that writes documents at once and keeps next to nothing of the log.
func pruningHub(t *testing.T, store core.Store) *core.Hub {
	t.Helper()
	hub := core.NewHub(core.Config{
		Store: store, Listen: func(string, string, int64) core.Listener { return &heard{} },
		ServerBatch: time.Millisecond, PruneInterval: time.Millisecond, RoomIdle: 50 * time.Millisecond,
		Retention: core.Retention{Count: 1},
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := hub.Close(ctx); err != nil {
			t.Errorf("closing the hub: %v", err)
		}
	})
	return hub
}

// sendByTurns has each client send batches in bursts, each burst through another server than the last. It returns what was
// acknowledged.
func sendByTurns(t *testing.T, hubs []*core.Hub, duration time.Duration) map[sent]logged {
	const rooms, clients = 3, 6
	end := time.Now().Add(duration)
	var mu sync.Mutex
	acknowledged, taken := map[sent]logged{}, map[logged]sent{}
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			room, client := fmt.Sprint("room-", c%rooms), fmt.Sprint("client-", c)
			for n, turn := int64(1), c; time.Now().Before(end); turn++ {
				for range 1 + rand.N(20) {
					a, err := sendUntilTaken(t, hubs[turn%len(hubs)], room, setNumber(client, client, n))
					if err != nil {
						t.Errorf("%s: batch %d: %v", client, n, err)
						return
					}
					b, at := sent{room, client, n}, logged{room, a.Batch.ServerSeq}
					mu.Lock()
					if other, twice := taken[at]; twice {
						t.Errorf("batch %d of %s was acknowledged to %v and to %v", at.serverSeq, at.room, other, b)
					}
					acknowledged[b], taken[at] = at, b
					mu.Unlock()
					n++
				}
				time.Sleep(rand.N(20 * time.Millisecond)) // for the others to get ahead, and the log to be pruned
			}
		})
	}
	wg.Wait()
	return acknowledged
}

// sendUntilTaken sends a batch again as long as it may be sent again.
func sendUntilTaken(t *testing.T, hub *core.Hub, name string, p *core.Proposal) (core.Answer, error) {
	for {
		a, err := sendOnce(t, hub, name, p)
		if !errors.Is(err, core.ErrUnavailable) {
			return a, err
		}
	}
}

func sendOnce(t *testing.T, hub *core.Hub, name string, p *core.Proposal) (core.Answer, error) {
	room, release, err := hub.Room(t.Context(), name)
	if err != nil {
		return core.Answer{}, err
	}
	defer release()
	return room.Submit(t.Context(), p)
}
