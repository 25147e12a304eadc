package cluster

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/pathsync/pathsync/client"
)

// The server that commits a room is killed after a commit and before any other server hears of it: nothing that it sends leaves
// its machine from before the commit on, and it is killed when the database shows the batch.
func TestSequencerIsKilledBetweenCommitAndPublish(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	if !c.network.canCut() {
		t.Skip("skipped: no network namespaces")
	}
	name, owner, others := c.roomWithOwner()
	var readers []<-chan int64
	for _, s := range others {
		readers = append(readers, followAt(t, s, name))
	}
	last := submit(t, owner, name, batchOf("ann", 1, 0)).ServerSeq
	for _, r := range readers {
		waitForBatch(t, r, last)
	}
	for _, s := range others {
		c.network.drop(t, direction{owner.place, s.place})
	}
	b := batchOf("ann", 2, 1)
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = newClient(t, owner).Submit(ctx, name, b) // the outcome does not matter
	}()
	c.waitForRow(name, b)
	owner.kill()
	killed := time.Now()
	cancel()
	<-sent

	for i, r := range readers {
		waitForBatch(t, r, last+1)
		t.Logf("the reader of %s got the batch %v after the end of its server", others[i].place.name, time.Since(killed))
	}
	again := submit(t, others[0], name, b)
	if !again.Duplicate || again.ServerSeq != last+1 {
		t.Errorf("the batch that is sent again: %+v", again)
	}
	if next := submit(t, others[1], name, batchOf("ann", 3, 2)); next.ServerSeq != last+2 {
		t.Errorf("the next batch is %d, want %d", next.ServerSeq, last+2)
	}
	for _, r := range readers {
		waitForBatch(t, r, last+2)
	}
}

// roomWithOwner returns a room, the server that commits it, and the others. The room has two batches.
func (c *cluster) roomWithOwner() (name string, owner *server, others []*server) {
	c.t.Helper()
	const commits = "pathsync_commit_batches_count"
	for i := range 10 {
		name = fmt.Sprint("owned-", i)
		before := map[*server]float64{}
		for _, s := range c.servers {
			before[s] = s.metric(commits)
		}
		submit(c.t, c.servers[0], name, batchOf("eve", 1, 0))
		submit(c.t, c.servers[1], name, batchOf("eve", 2, 1))
		owner, others = nil, nil
		for _, s := range c.servers {
			if s.metric(commits) == before[s]+2 {
				owner = s
			} else {
				others = append(others, s)
			}
		}
		if owner != nil {
			return name, owner, others
		}
	}
	c.t.Fatal("no server commits all batches of a room")
	return "", nil, nil
}

// openDatabase opens a connection of the tests to the database.
func (c *cluster) openDatabase() *sql.DB {
	c.t.Helper()
	db, err := sql.Open("pgx", c.database.DSN+"?sslmode=disable")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { db.Close() })
	return db
}

// waitForRow waits until the database has a batch.
func (c *cluster) waitForRow(room string, b client.Batch) {
	c.t.Helper()
	db := c.openDatabase()
	for began, n := time.Now(), 0; n == 0; {
		row := db.QueryRowContext(c.t.Context(), "SELECT COUNT(*) FROM sync_change_log WHERE room = $1 AND client_id = $2 AND client_seq = $3", room, b.ClientID, b.ClientSeq)
		if err := row.Scan(&n); err != nil {
			c.t.Fatal(err)
		}
		if time.Since(began) > patience {
			c.t.Fatal("the batch is not committed")
		}
	}
}
