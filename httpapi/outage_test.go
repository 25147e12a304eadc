package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// hidesDatabase expects that a problem contains nothing of the database.
func hidesDatabase(t *testing.T, p problem.Problem) {
	t.Helper()
	text := fmt.Sprintf("%+v", p)
	for _, word := range []string{secret, "sqlserver", "10.0.0.7", "sync_", "INSERT", "dial"} {
		if strings.Contains(text, word) {
			t.Errorf("the problem contains %q: %s", word, text)
		}
	}
}

func TestOutageRefusesWritesAndReadsContinue(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.fill("r", 2)
		r := s.open("/v1/rooms/r/events").live()
		s.store.fail(errAway)

		batch := `{"clientId":"ada","clientSeq":1,"key":"default","ops":[{"op":"set","path":"y","value":true}]}`
		began := time.Now()
		for range 3 { // the first detects the outage, the others fail at once
			hidesDatabase(t, s.post("/v1/rooms/r/ops", batch).problem(503, problem.DatabaseUnavailable))
		}
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("three refusals took %v", took)
		}
		hidesDatabase(t, s.get("/readyz").problem(503, problem.DatabaseUnavailable))
		s.get("/healthz").is(200)

		const room = `{"room":"r","epoch":"history1","serverSeq":2,"stores":{"default":{"serverSeq":2,"state":{"x":2}}}}`
		s.get("/v1/rooms/r").is(200).says(room)
		s.get("/v1/rooms/r/stores/default").is(200)
		s.get("/v1/rooms/r/changes?after=history1-1").is(200)
		s.open("/v1/rooms/r/events", "Last-Event-ID", "history1-1").wants(deltaEvent("r", 2, "x", "2"))
		bob := `{"clientId":"bob","joinedAt":` + now() + `}`
		s.put("/v1/rooms/r/presence/bob", `{}`).is(200)
		r.wants(presenceChange(bob, "", ""))

		s.store.recover()
		time.Sleep(2 * time.Second) // as Retry-After says
		s.post("/v1/rooms/r/ops", batch).is(200)
		s.get("/readyz").is(200)
		if e := r.next(); e.id != "history1-3" || !strings.Contains(e.data, `"path":"y"`) {
			t.Errorf("after the outage comes %v", e)
		}
		s.get("/v1/rooms/r/stores/default").
			says(`{"room":"r","key":"default","epoch":"history1","serverSeq":3,"state":{"x":2,"y":true}}`)
	})
}

func TestOutageDoesNotShowUnloadedRoomsAsEmpty(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.store.fail(errAway)
		for _, a := range []answer{
			s.get("/v1/rooms/cold"),
			s.get("/v1/rooms/cold/stores/default"),
			s.get("/v1/rooms/cold/events?clientId=ada"),
			s.get("/v1/rooms/cold/changes"),
			s.get("/v1/rooms/cold/presence"),
			s.put("/v1/rooms/cold/presence/ada", `{}`),
			s.delete("/v1/rooms/cold/presence/ada"),
			s.ops("cold", `{"op":"delete","path":"x"}`),
		} {
			hidesDatabase(t, a.problem(503, problem.DatabaseUnavailable))
		}
		s.store.recover()
		time.Sleep(2 * time.Second)
		s.get("/v1/rooms/cold").is(200)
	})
}

// An unreadable page of the log does not count as gone. A stream sends the full state in its place.
func TestLogIsUnavailableInAnOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.fill("r", 200)
		s.store.fail(errAway)
		hidesDatabase(t, s.get("/v1/rooms/r/changes?after=history1-1").problem(503, problem.DatabaseUnavailable))
		s.open("/v1/rooms/r/events", "Last-Event-ID", "history1-1").wants(
			event{"", "state", `{"room":"r","key":"default","serverSeq":200,"state":{"x":200}}`},
			event{"", "presence", noUsers}, upToDate("r", 200))
	}, smallMemory)
}

func TestDamagedRoomIsNeitherServedNorOverwritten(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.store.damage("damaged")
		for _, a := range []answer{
			s.get("/v1/rooms/damaged"),
			s.get("/v1/rooms/damaged/events"),
			s.get("/v1/rooms/damaged/changes"),
			s.ops("damaged", `{"op":"init","path":"","value":{}}`),
		} {
			hidesDatabase(t, a.problem(503, problem.RoomUnavailable))
		}
		time.Sleep(time.Minute) // long enough for a checkpoint
		if got := s.store.saves.Load(); got != 0 {
			t.Errorf("%d document rows were written", got)
		}
		s.set("next", "x", "1")
	})
}

// Batches of a second server on the same database are read first.
func TestBatchOfAnotherServerIsReadFirst(t *testing.T) {
	store := memstore.New()
	inBubble(t, func(t *testing.T, s *server) {
		r := s.open("/v1/rooms/r/events").live()
		foreign := core.Batch{Room: "r", Key: "default", ClientID: "ada", ClientSeq: core.NoClientSeq, ServerSeq: 1,
			ServerTs: time.Now().UnixMilli(), Ops: []core.LoggedOp{{Kind: tree.Set, Path: "x", Value: "1", Index: tree.NoIndex}}}
		if err := store.Append(t.Context(), []*core.Batch{&foreign}); err != nil {
			t.Fatal(err)
		}
		s.set("r", "y", "2")
		r.wants(deltaEvent("r", 1, "x", "1"), deltaEvent("r", 2, "y", "2"))
	}, func(p *parts) { p.store = store })
}

func TestStoppedRoomSendsAProblem(t *testing.T) {
	store := memstore.New()
	inBubble(t, func(t *testing.T, s *server) {
		r := s.open("/v1/rooms/r/events").live()
		other := s.open("/v1/rooms/next/events").live()
		impossible := core.Batch{Room: "r", Key: "default", ClientID: "x", ClientSeq: 1, ServerSeq: 1,
			Ops: []core.LoggedOp{{Kind: tree.Delete, Path: "never.was", Index: tree.NoIndex}}}
		if err := store.Append(t.Context(), []*core.Batch{&impossible}); err != nil {
			t.Fatal(err)
		}
		s.ops("r", `{"op":"set","path":"x","value":1}`).problem(503, problem.RoomUnavailable)
		e := r.next()
		if p := parseProblem(t, e.data); e.name != "problem" || p.Code != problem.RoomUnavailable || !p.Retryable {
			t.Errorf("the stream ends with %v", e)
		}
		r.ends()
		s.get("/v1/rooms/r").problem(503, problem.RoomUnavailable)
		s.set("next", "x", "1")
		other.until("delta")
	}, func(p *parts) { p.store = store })
}

func TestRoomsBeyondMaxRoomsAreRefused(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.open("/v1/rooms/a/events").live()
		b := s.open("/v1/rooms/b/events").live()
		s.get("/v1/rooms/c").problem(503, problem.Overloaded)
		s.set("a", "x", "1")
		b.close()
		time.Sleep(time.Second) // b is unused and is closed at once
		s.get("/v1/rooms/c").is(200)
	}, func(p *parts) { p.hub.MaxRooms = 2 })
}

func TestQueuedBytesBeyondTheBoundAreRefused(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.ops("r", `{"op":"set","path":"x","value":"`+strings.Repeat("x", 8<<10)+`"}`).problem(503, problem.Overloaded)
		s.set("r", "x", "1")
	}, func(p *parts) { p.hub.MaxQueuedBytes = 8 << 10 })
}
