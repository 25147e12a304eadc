package e2e

import (
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// TestCrashesOnEveryDatabase repeats TestCrashesNeitherLoseNorDuplicateBatches on database servers, which keep running.
func TestCrashesOnEveryDatabase(t *testing.T) {
	for name, newDatabase := range map[string]func(testing.TB) string{
		"PostgreSQL": dbtest.Postgres,
		"SQLServer":  dbtest.SQLServer,
	} {
		t.Run(name, func(t *testing.T) {
			dsn := newDatabase(t)
			s := startServerOn(t, dsn, "--server-batch-ms", "20")
			load := startLoad(t, s.api)
			load.crash(s, crashes(t, 3))
			load.finish(s)
			readings := s.readings(crashRooms)
			s.kill()

			store, err := sqlstore.Open(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			for _, room := range crashRooms {
				load.prove(proof{t: t, room: room, log: storedLog(t, store, room), reading: readings[room]})
			}
			s.start()
			for room, reading := range s.readings(crashRooms) {
				if reading.snapshot != readings[room].snapshot {
					t.Errorf("after reopening, %s is\n%s\nand was\n%s", room, reading.snapshot, readings[room].snapshot)
				}
			}
			s.stop()
		})
	}
}

// storedLog reads the log of a room, and expects no gaps in it.
func storedLog(t *testing.T, store core.Store, room string) (log []loggedBatch) {
	t.Helper()
	batches, err := store.Log(t.Context(), room, 0, core.Page{Batches: 1 << 20, Bytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range batches {
		if b.ServerSeq != int64(i+1) {
			t.Fatalf("the log has batch %d in the place of batch %d", b.ServerSeq, i+1)
		}
		logged := loggedBatch{key: b.Key, clientID: b.ClientID, clientSeq: b.ClientSeq, serverTs: b.ServerTs}
		for _, op := range b.Ops {
			logged.ops = append(logged.ops, loggedOp{op.Kind, op.Path, op.Value, op.Index, op.Discarded})
		}
		log = append(log, logged)
	}
	return log
}
