package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// poison is the value that the triggers of these tests reject.
const poison = `"poison"`

// refusals are statements that make a kind of database reject poison. ~ precedes the name of each table.
var refusals = map[string][]struct {
	name       string
	statements []string
	logged     string // part of the server's log
}{
	"SQLite": {
		{"RAISE", []string{`CREATE TRIGGER refuse BEFORE INSERT ON sync_change_log WHEN NEW.value = '"poison"'
			BEGIN SELECT RAISE(ABORT, 'no poison here'); END`}, "no poison here"},
		{"RAISE after", []string{`CREATE TRIGGER refuse AFTER INSERT ON sync_change_log WHEN NEW.value = '"poison"'
			BEGIN SELECT RAISE(ROLLBACK, 'no poison here'); END`}, "no poison here"},
		{"an unknown error", []string{`CREATE TRIGGER refuse AFTER INSERT ON sync_change_log WHEN NEW.value = '"poison"'
			BEGIN SELECT abs(-9223372036854775807 - 1); END`}, "integer overflow"},
		{"another unique index", []string{`CREATE TABLE audit (n INTEGER UNIQUE)`, `INSERT INTO audit VALUES (1)`,
			`CREATE TRIGGER refuse AFTER INSERT ON sync_change_log WHEN NEW.value = '"poison"'
			BEGIN INSERT INTO audit VALUES (1); END`}, "audit.n"},
	},
	"PostgreSQL": {
		{"RAISE", postgresTrigger(`RAISE EXCEPTION 'no poison here'`), "no poison here"},
		{"a user-defined code", postgresTrigger(`RAISE EXCEPTION 'no poison here' USING ERRCODE = 'QQ001'`), "no poison here"},
		{"a division", postgresTrigger(`PERFORM 1/0`), "division by zero"},
		{"a missing table", postgresTrigger(`PERFORM 1 FROM absent`), "absent"},
		{"another unique index", append([]string{`CREATE TABLE audit (n INTEGER UNIQUE)`, `INSERT INTO audit VALUES (1)`},
			postgresTrigger(`INSERT INTO audit VALUES (1)`)...), "audit"},
		{"a check", []string{`ALTER TABLE sync_change_log ADD CONSTRAINT no_poison CHECK (value <> '"poison"')`}, "no_poison"},
	},
	"SQLServer": {
		{"THROW", []string{`CREATE TRIGGER ~refuse ON ~sync_change_log AFTER INSERT AS
			IF EXISTS (SELECT 1 FROM inserted WHERE value = N'"poison"') THROW 51000, N'no poison here', 1`}, "no poison here"},
		{"RAISERROR", []string{`CREATE TRIGGER ~refuse ON ~sync_change_log AFTER INSERT AS
			IF EXISTS (SELECT 1 FROM inserted WHERE value = N'"poison"')
			BEGIN RAISERROR (N'no poison here', 16, 1); ROLLBACK TRANSACTION; END`}, ""},
		{"a check", []string{`ALTER TABLE ~sync_change_log ADD CONSTRAINT no_poison CHECK (value <> N'"poison"')`}, "no_poison"},
	},
}

func postgresTrigger(body string) []string {
	return []string{
		`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN IF NEW.value = '"poison"' THEN ` + body + `; END IF; RETURN NEW; END $$`,
		`CREATE TRIGGER refuse BEFORE INSERT ON sync_change_log FOR EACH ROW EXECUTE FUNCTION refuse()`,
	}
}

// setText returns a client's batch that sets the member n to a value, given as JSON.
func setText(t testing.TB, client string, clientSeq int64, text string) *core.Proposal {
	t.Helper()
	p := setNumber(client, "n", clientSeq)
	where, err := path.Parse("n")
	if err != nil {
		t.Fatal(err)
	}
	value, err := tree.ParseStored([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p.Ops = []core.ProposedOp{{Op: tree.Op{Kind: tree.Set, Path: where, Value: value, Index: tree.NoIndex}, PathText: "n", ValueText: text}}
	return p
}

// lockedBuffer is a buffer that is safe for concurrent use.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}
func (b *lockedBuffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

// However the database rejects a batch, only its sender gets an error, and the log has one message about it.
func TestBatchRejectedByTriggerAffectsOnlyItsSender(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		for _, refusal := range refusals[e.name] {
			t.Run(refusal.name, func(t *testing.T) {
				dsn := e.newDSN(t)
				store := openDSN(t, dsn)
				raw := e.raw(t, dsn)
				for _, statement := range refusal.statements {
					mustExec(t, raw, e.text(dsn, statement))
				}
				log := new(lockedBuffer)
				hub := core.NewHub(core.Config{
					Store: store, Listen: func(string, string, int64) core.Listener { return &heard{} },
					Log: slog.New(slog.NewTextHandler(log, nil)), ServerBatch: 100 * time.Millisecond,
				})
				var all sync.WaitGroup
				for i := range 40 {
					r := openRoom(t, hub, fmt.Sprint("room-", i%8))
					all.Go(func() {
						for n := int64(1); n <= 5; n++ {
							text := strconv.FormatInt(n, 10)
							poisoned := i%10 == 3 && n%2 == 0
							if poisoned {
								text = poison
							}
							asked := time.Now()
							_, err := r.Submit(t.Context(), setText(t, fmt.Sprint(i), n, text))
							if poisoned != errors.Is(err, core.ErrRejected) || !poisoned && err != nil {
								t.Errorf("batch %d of %d, poisoned: %v: %v", n, i, poisoned, err)
							}
							if took := time.Since(asked); took > 5*time.Second {
								t.Errorf("batch %d of %d took %v", n, i, took)
							}
						}
					})
				}
				all.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				if err := hub.Close(ctx); err != nil {
					t.Errorf("closing: %v", err)
				}
				const refused = "database rejects a batch"
				if n := strings.Count(log.String(), refused); n != 8 || !strings.Contains(log.String(), refusal.logged) {
					t.Errorf("the log reports %d rejected batches, want 8, and %q:\n%s", n, refusal.logged, log.String())
				}
				for i := range 8 {
					batches, err := store.Log(t.Context(), fmt.Sprint("room-", i), 0, core.Page{Batches: 1000, Bytes: 1 << 20})
					want := 25
					if i == 3 || i == 5 || i == 7 || i == 1 {
						want = 23
					}
					if err != nil || len(batches) != want {
						t.Errorf("room %d has %d batches, want %d: %v", i, len(batches), want, err)
					}
				}
			})
		}
	})
}

// An error that does not depend on the data is an outage. When it ends, the batch is committed.
func TestOutageIsRetried(t *testing.T) {
	for _, test := range []struct{ engine, begin, end string }{
		{"PostgreSQL", `ALTER TABLE sync_change_log RENAME TO away`, `ALTER TABLE away RENAME TO sync_change_log`},
		{"SQLite", `ALTER TABLE sync_change_log RENAME TO away`, `ALTER TABLE away RENAME TO sync_change_log`},
	} {
		t.Run(test.engine, func(t *testing.T) {
			for _, e := range engines {
				if e.name != test.engine {
					continue
				}
				dsn := e.newDSN(t)
				hub := newHub(t, openDSN(t, dsn), 10*time.Second)
				r := openRoom(t, hub, "room")
				if _, err := r.Submit(t.Context(), setNumber("ann", "n", 1)); err != nil {
					t.Fatal(err)
				}
				raw := e.raw(t, dsn)
				mustExec(t, raw, test.begin)
				done := make(chan error, 1)
				go func() { _, err := r.Submit(t.Context(), setNumber("ann", "n", 2)); done <- err }()
				deadline := time.After(10 * time.Second)
				for !hub.Stats().Outage {
					select {
					case <-time.After(time.Millisecond):
					case <-deadline:
						t.Fatal("the outage is not noticed")
					}
				}
				mustExec(t, raw, test.end)
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A trigger takes a minute for the batches of one room. Those of other rooms are committed, and its sender gets an error.
func TestBatchDelayedByTriggerDelaysOthersLittle(t *testing.T) {
	for _, e := range engines {
		if e.name != "PostgreSQL" {
			continue
		}
		dsn := e.newDSN(t)
		store := openDSN(t, dsn)
		raw := e.raw(t, dsn)
		for _, statement := range postgresTrigger(`PERFORM pg_sleep(60)`) {
			mustExec(t, raw, statement)
		}
		hub := core.NewHub(core.Config{
			Store: store, Listen: func(string, string, int64) core.Listener { return &heard{} }, StoreTimeout: 2 * time.Second, SubmitTimeout: time.Minute,
		})
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if err := hub.Close(ctx); err != nil {
				t.Errorf("closing: %v", err)
			}
		})
		slow, well := openRoom(t, hub, "slow"), openRoom(t, hub, "well")
		done := make(chan error, 1)
		go func() { _, err := slow.Submit(t.Context(), setText(t, "ann", 1, poison)); done <- err }()
		worst := time.Duration(0)
		for n, over := int64(1), false; !over; n++ {
			asked := time.Now()
			if _, err := well.Submit(t.Context(), setNumber("ben", "n", n)); err != nil {
				t.Fatal(err)
			}
			worst = max(worst, time.Since(asked))
			select {
			case err := <-done:
				if over = true; !errors.Is(err, core.ErrRejected) {
					t.Errorf("err = %v", err)
				}
			case <-time.After(time.Millisecond):
			}
		}
		if worst > 5*time.Second {
			t.Errorf("another room's write took %v", worst)
		}
		if _, err := slow.Submit(t.Context(), setNumber("ann", "n", 2)); err != nil {
			t.Errorf("the next batch of the room fails: %v", err)
		}
	}
}
