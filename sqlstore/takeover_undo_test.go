package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
)

// oldState returns the predecessor's documents as the predecessor reads them.
func oldState(t *testing.T, e engine, dsn string) map[string]string {
	t.Helper()
	state := map[string]string{}
	err := eachRow(t.Context(), e.raw(t, dsn), e.text(dsn, "SELECT room, store_key, state FROM ~sync_documents"), func(rows *sql.Rows) error {
		var room, key, text string
		if err := rows.Scan(&room, &key, &text); err != nil {
			return err
		}
		state[room+"/"+key] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestUndoTakeoverKeepsLaterChanges(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		docs := []oldRow{
			{"board", "default", `{"a":1}`, 1}, {"kept", "default", `{"a":1.0}`, 2}, {"odd ", "k ", `{"a":2}`, 3}, {"emoji", "default", `"\ud83d"`, 4},
			{"cut", "default", `{"a":"tru`, 5}, {"Case", "default", `{"a":3}`, 6},
		}
		dsn := newPredecessor(t, e, docs, []oldOp{{"board", "default", "1", 1}, {"kept", "default", "1", 9}})
		store := openDSN(t, dsn)
		hub := core.NewHub(core.Config{
			Store: store, Listen: func(string, string, int64) core.Listener { return &heard{} }, ServerBatch: time.Hour,
			StoreTimeout: 10 * time.Second, SubmitTimeout: 10 * time.Second,
		})
		t.Cleanup(func() { _ = hub.Close(context.WithoutCancel(t.Context())) })
		odd := "odd~" // and its hash
		err := eachRow(t.Context(), e.raw(t, dsn), e.text(dsn, "SELECT room FROM ~sync_documents"), func(rows *sql.Rows) error {
			var room string
			if err := rows.Scan(&room); err != nil {
				return err
			}
			if len(room) == len(odd)+8 && room[:len(odd)] == odd {
				odd = room
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, room := range []string{"board", odd, "fresh"} {
			if _, err := openRoom(t, hub, room).Submit(t.Context(), setNumber("client", "n", 1)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := UndoTakeover(t.Context(), dsn, false); !errors.Is(err, errUnsaved) {
			t.Errorf("undone while documents are behind the log: %v", err)
		}
		if err := hub.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		store.Close()
		report, err := UndoTakeover(t.Context(), dsn, false)
		if err != nil {
			t.Fatal(err)
		}
		if report.Added != 2 || report.Lost != 0 || report.Updated < 1 { // the document of odd's default key is new too
			t.Errorf("report %+v", report)
		}
		want := map[string]string{
			"kept/default": `{"a":1.0}`, "emoji/default": `"\ud83d"`, "cut/default": `{"a":"tru`, "Case/default": `{"a":3}`,
			"board/default": `{"a":1,"n":1}`, odd + "/default": `{"n":1}`, "fresh/default": `{"n":1}`,
		}
		want["odd "+"/"+"k "] = `{"a":2}`
		if got := oldState(t, e, dsn); !maps.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if got := queryText(t, e.raw(t, dsn), e.text(dsn, "SELECT COUNT(*) FROM ~sync_change_log")); got != "2" {
			t.Errorf("the log has %s rows", got)
		}
	})
}

// On SQL Server, the predecessor's tables cannot distinguish names that differ only by case.
func TestUndoTakeoverRejectsLossOfDocuments(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := newPredecessor(t, e, []oldRow{{"Board", "default", `{"a":1}`, 1}}, nil)
		store := openDSN(t, dsn)
		err := store.SaveDocuments(t.Context(), []core.Document{
			{Room: "board", Key: "default", ServerSeq: 1, State: `2`}, {Room: "new", Key: "k", ServerSeq: 1, State: `3`}, {Room: "NEW", Key: "k", ServerSeq: 1, State: `4`},
		})
		if err != nil {
			t.Fatal(err)
		}
		store.Close()
		lost := int64(0)
		if e.name == "SQLServer" {
			lost = 2
			if report, err := UndoTakeover(t.Context(), dsn, false); !errors.Is(err, errWouldLose) || report.Lost != lost {
				t.Fatalf("%+v, %v", report, err)
			}
			openDSN(t, dsn).Close() // nothing has changed
		}
		report, err := UndoTakeover(t.Context(), dsn, true)
		if err != nil || report.Lost != lost || report.Added != 3-lost {
			t.Fatalf("%+v, %v", report, err)
		}
		if got := oldState(t, e, dsn); got["Board/default"] != `{"a":1}` || int64(len(got)) != 4-lost {
			t.Errorf("got %q", got)
		}
	})
}

func TestUndoneTakeoverCanBeRepeated(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := newPredecessor(t, e, []oldRow{{"a ", "default", `{"a":1}`, 1}, {"b", "default", `{"a":1}`, 1}}, []oldOp{{"a ", "k", "1", 1}})
		for range 2 {
			if e.name != "SQLServer" { // elsewhere the copies have to be set aside by hand
				for _, table := range []string{"sync_documents", "sync_change_log"} {
					_, _ = e.raw(t, dsn).ExecContext(t.Context(), fmt.Sprintf("ALTER TABLE %s RENAME TO %s_predecessor", table, table))
				}
			}
			report, err := TakeOver(t.Context(), dsn)
			if err != nil || report.Documents != 2 || report.Renamed != 1 {
				t.Fatalf("%+v, %v", report, err)
			}
			if _, err := UndoTakeover(t.Context(), dsn, false); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestUndoWithoutTakeoverFails(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := e.newDSN(t)
		appendHistory(t, openDSN(t, dsn), "room", 1, 1)
		if _, err := UndoTakeover(t.Context(), dsn, true); !errors.Is(err, errNoTakeover) {
			t.Fatalf("got %v", err)
		}
		wantLogOf(t, openDSN(t, dsn), "room", 1)
	})
}
