package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
	"github.com/pathsync/pathsync/sqlstore/takeover"
)

// oldRow is a document row of the predecessor.
type oldRow struct {
	room, key, state string
	seq              int64
}

// oldOp is a log row of the predecessor.
type oldOp struct {
	room, key, value string
	seq              int64
}

// newPredecessor creates a database with the predecessor's tables: on SQL Server with the predecessor's statements, and
// elsewhere with equivalent ones.
func newPredecessor(t *testing.T, e engine, docs []oldRow, log []oldOp) (dsn string) {
	t.Helper()
	dsn = e.newDSN(t)
	suffix := predecessorSuffix
	if e.name == "SQLServer" {
		suffix = ""
		dbtest.ExecSQLServer(t, dsn, predecessorTables...)
	} else {
		identity, moment := "INTEGER PRIMARY KEY", "INTEGER NOT NULL DEFAULT 0"
		if e.name == "PostgreSQL" {
			identity, moment = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "TIMESTAMPTZ NOT NULL DEFAULT now()"
		}
		db := e.raw(t, dsn)
		mustExec(t, db, `CREATE TABLE sync_documents_predecessor (room VARCHAR(255) NOT NULL, store_key VARCHAR(255) NOT NULL,
			state TEXT NOT NULL, server_seq BIGINT NOT NULL, updated_at `+moment+`, PRIMARY KEY (room, store_key))`)
		mustExec(t, db, `CREATE TABLE sync_change_log_predecessor (id `+identity+`, room VARCHAR(255) NOT NULL, store_key VARCHAR(255) NOT NULL,
			path VARCHAR(1000) NOT NULL, op VARCHAR(10) NOT NULL, value TEXT, client_id VARCHAR(100) NOT NULL, server_seq BIGINT NOT NULL, server_ts `+moment+`)`)
	}
	db := e.raw(t, dsn)
	quote := func(s string) string {
		if e.name == "SQLServer" {
			return "N'" + strings.ReplaceAll(s, "'", "''") + "'"
		}
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	for _, d := range docs {
		mustExec(t, db, e.text(dsn, fmt.Sprintf("INSERT INTO ~sync_documents%s (room, store_key, state, server_seq) VALUES (%s, %s, %s, %d)",
			suffix, quote(d.room), quote(d.key), quote(d.state), d.seq)))
	}
	for chunk := range slices.Chunk(log, 500) {
		rows := make([]string, len(chunk))
		for i, op := range chunk {
			rows[i] = fmt.Sprintf("(%s, %s, 'n', 'set', %s, 'ann', %d)", quote(op.room), quote(op.key), quote(op.value), op.seq)
		}
		mustExec(t, db, e.text(dsn, "INSERT INTO ~sync_change_log"+suffix+" (room, store_key, path, op, value, client_id, server_seq) VALUES "+strings.Join(rows, ", ")))
	}
	return dsn
}

// records collects the messages of a log.
type records struct {
	slog.Handler
	mu   sync.Mutex
	text strings.Builder
}

func newRecords() (*records, *slog.Logger) {
	r := &records{}
	r.Handler = slog.NewTextHandler(r, nil)
	return r, slog.New(r.Handler)
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *records) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (r *records) want(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.String(), text) {
			t.Errorf("the log does not say %q:\n%s", text, r)
		}
	}
}

var (
	deep = strings.Repeat(`{"a":`, 140) + "1" + strings.Repeat("}", 140)

	faultyDocuments = []oldRow{
		{"fine", "default", `{"b":1.0,"a":"é😀","t":[{"_sync_id":"x"}]}`, 3},
		{"emoji", "default", `{"text":"half \ud83d","` + `\udc00":1}`, 4},
		{"proto", "default", `{"__proto__":{"polluted":true},"a":1}`, 5},
		{"deep", "default", deep, 6},
		{"numbers", "default", `{"n":1e999,"m":-1e999,"k":1e308}`, 7},
		{"twice", "default", `{"a":1,"b":2,"a":3}`, 8},
		{"items", "default", `[{"_sync_id":"a"},{"_sync_id":"a"},{"n":1},7]`, 9},
		{"cut", "default", `{"a":"tru`, 10},
		{"cut", "other", `{"a":1}`, 11},
		{"blank", "default", ``, 12},
	}
)

func TestTakeoverRepairsFaultyDocumentsOnce(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := newPredecessor(t, e, faultyDocuments, nil)
		records, log := newRecords()
		plan, err := PlanTakeover(t.Context(), dsn, WithLog(log))
		if err != nil {
			t.Fatal(err)
		}
		report, err := TakeOver(t.Context(), dsn, WithLog(log))
		if err != nil {
			t.Fatal(err)
		}
		want := TakeoverReport{Documents: 10, Repaired: 6, Skipped: 2, Repairs: takeover.Repairs{
			Surrogates: 2, Forbidden: 1, Duplicates: 1, Numbers: 2, TooDeep: 1, IDs: 2}}
		if report != want || plan != want {
			t.Errorf("took over %+v\nplanned   %+v\nwant      %+v", report, plan, want)
		}
		records.want(t, "repaired a document of the predecessor", "room=emoji", "lone surrogates: 2", "cannot be read", "room=cut", "room=blank")
		store := openDSN(t, dsn)
		wantDocuments(t, store, "fine", core.Document{Key: "default", ServerSeq: 3, State: faultyDocuments[0].state})
		wantDocuments(t, store, "emoji", core.Document{Key: "default", ServerSeq: 4, State: "{\"text\":\"half \ufffd\",\"\ufffd\":1}"})
		wantDocuments(t, store, "proto", core.Document{Key: "default", ServerSeq: 5, State: `{"a":1}`})
		wantDocuments(t, store, "numbers", core.Document{Key: "default", ServerSeq: 7, State: `{"n":null,"m":null,"k":1e308}`})
		wantDocuments(t, store, "twice", core.Document{Key: "default", ServerSeq: 8, State: `{"a":3,"b":2}`})
		wantDocuments(t, store, "cut", core.Document{Key: "other", ServerSeq: 11, State: `{"a":1}`})
		wantDocuments(t, store, "blank")
		hub := newHub(t, store, time.Minute)
		for _, d := range faultyDocuments { // no room is damaged
			if _, err := openRoom(t, hub, d.room).Submit(t.Context(), setNumber("client", "n", 1)); err != nil && !errors.Is(err, core.ErrClientSeqReused) {
				t.Errorf("%s: %v", d.room, err)
			}
		}
		if again, err := TakeOver(t.Context(), dsn); err != nil || again != (TakeoverReport{}) {
			t.Errorf("a second takeover: %+v, %v", again, err)
		}
	})
}

var oddNames = []string{"", "..", ".", " lead", "tab\troom", "k ", "K ", "\u00a0", "line\nbreak", "del\x7f", strings.Repeat("x", 254) + " "}

func TestTakeoverRenamesInvalidNames(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		first, _ := takeover.Name("k ", func(string) bool { return false })
		docs := []oldRow{{"k", "default", `"k"`, 1}, {first, "default", `"same"`, 1}} // a name that is taken already
		var log []oldOp
		folded := map[string]bool{}
		for i, name := range oddNames {
			seq := int64(i + 10)
			if e.name == "SQLServer" { // there its collation takes some of them for one
				if f := strings.ToLower(strings.TrimRight(name, " ")); folded[f] || f == "k" {
					continue
				} else {
					folded[f] = true
				}
			}
			docs = append(docs, oldRow{name, "default", fmt.Sprintf(`"room %d"`, seq), seq}, oldRow{"keys", name, fmt.Sprintf(`"key %d"`, seq), seq})
			log = append(log, oldOp{name, name, "1", seq})
		}
		log = append(log, oldOp{"k ", "k ", "1", 99}) // the log of a document that is gone
		dsn := newPredecessor(t, e, docs, log)
		records, logger := newRecords()
		report, err := TakeOver(t.Context(), dsn, WithLog(logger))
		if err != nil {
			t.Fatal(err)
		}
		if report.Skipped != 0 || report.Documents != int64(len(docs)) || report.LogRows != int64(len(log)) || report.Renamed < 14 {
			t.Errorf("report %+v of %d documents and %d rows", report, len(docs), len(log))
		}
		records.want(t, `new=tab_room~`, `new=..~`)
		store := openDSN(t, dsn)
		db := e.raw(t, dsn)
		rooms := map[string]bool{}
		err = eachRow(t.Context(), db, e.text(dsn, "SELECT room, store_key FROM ~sync_documents UNION SELECT room, store_key FROM ~sync_change_log"), func(rows *sql.Rows) error {
			var room, key string
			if err := rows.Scan(&room, &key); err != nil {
				return err
			}
			for _, name := range []string{room, key} {
				if err := core.CheckName(name, core.MaxRoomLength); err != nil {
					t.Errorf("%q %v", name, err)
				}
			}
			rooms[room] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]int{}
		for room := range rooms {
			got, err := store.Documents(t.Context(), room)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range got {
				found[d.State]++
			}
		}
		for _, d := range docs {
			if found[d.state] != 1 {
				t.Errorf("the document %s of room %q, key %q is there %d times", d.state, d.room, d.key, found[d.state])
			}
		}
		wantDocuments(t, store, "k", core.Document{Key: "default", ServerSeq: 1, State: `"k"`})
	})
}

func TestTakeoverCountsRoomsThatDifferOnlyInCase(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := newPredecessor(t, e, []oldRow{{"Board", "a", "1", 1}, {"other", "a", "1", 1}}, []oldOp{{"board", "a", "1", 2}, {"bOARD", "a", "1", 3}})
		records, log := newRecords()
		report, err := TakeOver(t.Context(), dsn, WithLog(log))
		if err != nil || report.CaseRooms != 3 {
			t.Errorf("report %+v, %v", report, err)
		}
		records.want(t, "differ only in case")
	})
}

func TestPlanTakeoverChangesNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		dsn := newPredecessor(t, e, faultyDocuments, []oldOp{{"k ", "k", "1", 1}})
		d, err := newDialect(dsn, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if _, err := PlanTakeover(t.Context(), dsn); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"sync_meta", renamedTable} {
			if there, err := tableExists(t.Context(), d, d.Writer(), table); there || err != nil {
				t.Errorf("%s is there: %v, %v", table, there, err)
			}
		}
	})
}

// brokenWriter panics when the pool for writes is used for more than a number of times.
type brokenWriter struct {
	dialect.Dialect
	left int // uses before the panic
}

var errBroken = errors.New("the process is killed here")

func (d *brokenWriter) Writer() *sql.DB {
	if d.left--; d.left < 0 {
		panic(errBroken)
	}
	return d.Dialect.Writer()
}

// Wherever a takeover is interrupted, the next start continues it, and the result is the same.
func TestInterruptedTakeoverResumes(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		var docs []oldRow
		var log []oldOp
		for i := range 3 * takeoverDocumentRows {
			docs = append(docs, oldRow{fmt.Sprint("room ", i), "default", fmt.Sprintf(`{"n":%d}`, i), int64(i)})
		}
		for i := range 2*takeoverLogRows + 10 {
			log = append(log, oldOp{fmt.Sprint("room ", i%100), "k ", fmt.Sprint(i), int64(i + 1)})
		}
		dsn := newPredecessor(t, e, append(docs, faultyDocuments...), log)
		interrupted := 0
		for ; ; interrupted++ {
			if interrupted > 100 {
				t.Fatal("the takeover does not end")
			}
			if takeOverUntil(t, dsn, 2+interrupted) { // each attempt gets further than the last
				break
			}
		}
		if interrupted < 5 {
			t.Errorf("the takeover was interrupted only %d times", interrupted)
		}
		db := e.raw(t, dsn)
		for query, want := range map[string]int{
			"SELECT COUNT(*) FROM ~sync_documents":                                               len(docs) + len(faultyDocuments) - 2,
			"SELECT COUNT(*) FROM ~sync_change_log":                                              len(log),
			"SELECT COUNT(*) FROM (SELECT DISTINCT value FROM ~sync_change_log) v":               len(log),
			"SELECT COUNT(*) FROM ~sync_change_log WHERE op_index >= 0":                          0,
			"SELECT COUNT(*) FROM ~sync_change_log WHERE store_key = 'k'":                        0,
			"SELECT server_seq FROM ~sync_documents WHERE room = 'room 9'":                       2*takeoverLogRows + 10,
			"SELECT COUNT(*) FROM ~sync_meta WHERE name = 'takeover' AND value = 'done'":         1,
			"SELECT COUNT(*) FROM ~sync_documents_predecessor":                                   len(docs) + len(faultyDocuments),
			"SELECT COUNT(*) FROM ~sync_change_log_predecessor":                                  len(log),
			"SELECT COUNT(*) FROM ~sync_documents WHERE server_seq < 1":                          0,
			"SELECT COUNT(*) FROM ~sync_names_predecessor WHERE kind = 'key' AND id IS NOT NULL": 1,
		} {
			if got := queryText(t, db, e.text(dsn, query)); got != fmt.Sprint(want) {
				t.Errorf("%s: got %s, want %d", query, got, want)
			}
		}
	})
}

// takeOverUntil runs a takeover that panics after a number of uses of the pool for writes, and reports whether it was done before.
func takeOverUntil(t *testing.T, dsn string, uses int) (done bool) {
	d, err := newDialect(dsn, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, _, err := migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if v := recover(); v != nil && v != errBroken {
			panic(v)
		}
	}()
	if _, err := takeOver(t.Context(), &brokenWriter{d, uses}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return true
}

func TestConcurrentTakeoversTakeOverOnce(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		var docs []oldRow
		var log []oldOp
		for i := range 600 {
			docs = append(docs, oldRow{fmt.Sprint("room ", i), "default", `[{"n":1}]`, 1})
			log = append(log, oldOp{"x ", "k", fmt.Sprint(i), 1})
		}
		dsn := newPredecessor(t, e, docs, log)
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				store, err := Open(ctx, dsn)
				if err != nil {
					t.Error(err)
					return
				}
				store.Close()
			})
		}
		all.Wait()
		db := e.raw(t, dsn)
		if got := queryText(t, db, e.text(dsn, "SELECT COUNT(*) FROM ~sync_change_log")); got != "600" {
			t.Errorf("%s rows of log", got)
		}
		if got := queryText(t, db, e.text(dsn, "SELECT COUNT(*) FROM ~sync_documents")); got != "600" {
			t.Errorf("%s documents", got)
		}
	})
}
