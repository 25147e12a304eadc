package sqlstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
)

// The checks of an append and of a checkpoint search an index for each room: they do not read the logs of the rooms.
func TestWritesTakeNoLongerWhenTheLogIsLong(t *testing.T) {
	comparesDurations(t)
	const rooms, doublings, samples = 16, 13, 20
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		store := openDSN(t, dsn)
		head := int64(0)
		appendOne := func() time.Duration { // a batch in each room
			head++
			group := make([]*core.Batch, rooms)
			for i := range group {
				group[i] = oneOp(fmt.Sprint("room-", i), head)
			}
			began := time.Now()
			if err := store.Append(t.Context(), group); err != nil {
				t.Fatal(err)
			}
			return time.Since(began)
		}
		save := func() time.Duration {
			docs := make([]core.Document, rooms)
			for i := range docs {
				docs[i] = core.Document{Room: fmt.Sprint("room-", i), Key: "default", State: "{}", ServerSeq: head}
			}
			began := time.Now()
			if err := store.SaveDocuments(t.Context(), docs); err != nil {
				t.Fatal(err)
			}
			return time.Since(began)
		}
		measure := func() (appending, saving time.Duration) { // the shortest: others may use the machine
			appending, saving = time.Hour, time.Hour
			for range samples {
				appending = min(appending, appendOne())
				saving = min(saving, save())
			}
			return appending, saving
		}
		shortAppend, shortSave := measure()
		raw := e.raw(t, dsn)
		mustExec(t, raw, e.text(dsn, fmt.Sprintf("DELETE FROM ~sync_change_log WHERE server_seq < %d", head)))
		for range doublings {
			mustExec(t, raw, e.text(dsn, fmt.Sprintf(`INSERT INTO ~sync_change_log
				(room, store_key, path, op, value, client_id, server_seq, server_ts, op_index, client_seq)
				SELECT room, store_key, path, op, value, client_id, server_seq - (SELECT COUNT(*) FROM ~sync_change_log) / %d,
					server_ts, op_index, client_seq FROM ~sync_change_log`, rooms)))
		}
		longAppend, longSave := measure()
		t.Logf("append: %v, with a long log %v; documents: %v, with a long log %v", shortAppend, longAppend, shortSave, longSave)
		if longAppend > 3*shortAppend+10*time.Millisecond {
			t.Errorf("an append took %v, and %v with a long log", shortAppend, longAppend)
		}
		if longSave > 3*shortSave+10*time.Millisecond {
			t.Errorf("document rows took %v, and %v with a long log", shortSave, longSave)
		}
	})
}
