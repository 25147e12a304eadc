package httpapi_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core/bustest"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// startTwo starts two servers on one database that know each other.
func startTwo(t *testing.T, settings ...setting) (one, two *server) {
	t.Helper()
	store, network := memstore.New(), bustest.NewNetwork(bustest.Options{})
	join := func(name string) setting {
		return func(p *parts) { p.store, p.hub.Bus = store, network.Join(name) }
	}
	one = start(t, append([]setting{join("one")}, settings...)...)
	two = start(t, append([]setting{join("two")}, settings...)...)
	for began := time.Now(); one.hub.Stats().Servers != 2 || two.hub.Stats().Servers != 2; {
		if time.Since(began) > time.Minute {
			t.Fatal("the servers do not know each other")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return one, two
}

func TestTicketOfAnotherServerOpensOneStream(t *testing.T) {
	one, two := startTwo(t, guarded)
	ticket := ticketOf(t, one.by("ann", editor), "board-7")
	two.get(eight+"/events?ticket="+ticketOf(t, one.by("ann", editor), "board-7")).problem(401, problem.Unauthenticated)
	two.open(seven + "/events?clientId=ann&ticket=" + ticket).live()
	for _, s := range []*server{one, two} {
		s.get(seven+"/events?clientId=ann&ticket="+ticket).problem(401, problem.Unauthenticated)
		s.get(seven+"/events?clientId=ann&ticket="+strings.Repeat("A", 26)).problem(401, problem.Unauthenticated)
	}
}

func TestTokenIsRenewedAtTheServerThatHasTheStream(t *testing.T) {
	one, two := startTwo(t, guarded)
	soon := newToken("ann", editor, 3*time.Second)
	r := one.with(soon).open(seven + "/events?clientId=ann").live()
	two.by("mallory", editor).post(seven+"/events/ann/token", "").problem(403, problem.Forbidden)
	two.by("ann", editor).post(seven+"/events/nobody/token", "").problem(404, problem.StreamNotFound)
	two.by("ann", editor).post(seven+"/events/ann/token", "").is(204)
	time.Sleep(4 * time.Second) // the first token has expired
	two.by("ann", editor).set("board-7", "x", "1")
	r.until("delta")
}

func TestStreamAtAnotherServerEndsTheOlderOne(t *testing.T) {
	one, two := startTwo(t)
	older := one.open(seven + "/events?clientId=ann").live()
	two.open(seven + "/events?clientId=ann").live()
	older.until("problem")
	two.get(seven+"/presence").has("Content-Type", "application/json")
}

func TestStreamAtAnotherServerEndsTheOlderOneOfAReaderWithoutPresence(t *testing.T) {
	one, two := startTwo(t, guarded)
	older := one.by("ann", onlyReads).open(seven + "/events?clientId=ann").live()
	two.by("ann", onlyReads).open(seven + "/events?clientId=ann").live()
	older.until("problem")
	if body := two.by("ben", editor).get(seven + "/presence").is(200).body; strings.Contains(body, "ann") {
		t.Errorf("the presence list has the reader: %s", body)
	}
}

func TestClientIDOfAnotherUserIsRefusedOnEveryServer(t *testing.T) {
	one, two := startTwo(t, guarded)
	one.by("ann", editor).open(seven + "/events?clientId=anns").live()
	deadline := time.Now().Add(time.Minute)
	for !strings.Contains(two.by("ann", editor).get(seven+"/presence").body, "anns") {
		if time.Now().After(deadline) {
			t.Fatal("the other server does not know the client")
		}
	}
	mallory := two.by("mallory", editor)
	mallory.get(seven+"/events?clientId=anns").problem(403, problem.Forbidden)
	mallory.put(seven+"/presence/anns", `{}`).problem(403, problem.Forbidden)
	mallory.post(seven+"/presence/anns/leave", "").problem(403, problem.Forbidden)
}

func TestReaderThatMovesToAnotherServerMissesNothing(t *testing.T) {
	one, two := startTwo(t)
	for i := range 20 {
		one.set("board-7", "x", strconv.Itoa(i))
	}
	tag := one.get(seven).is(200).header.Get("ETag")
	two.get(seven, "If-None-Match", tag).is(304)
	after := strings.Trim(tag, `"`)
	if body := two.get(seven + "/changes?after=" + after).is(200).body; !strings.Contains(body, `"changes":[]`) {
		t.Errorf("%s", body)
	}
}

// A reader has a batch of another server, and this one can get it neither from that server nor from the database.
func TestReaderDoesNotGoBackAtServerThatIsBehind(t *testing.T) {
	t.Parallel()
	one, two := startTwo(t)
	one.set("board-7", "x", "1")
	two.get(seven).is(200)
	two.store.fail(errAway)
	missing := epoch + "-2"
	hidesDatabase(t, two.get(seven, "If-None-Match", `"`+missing+`"`).problem(503, problem.DatabaseUnavailable))
	hidesDatabase(t, two.get(seven+"/events", "Last-Event-ID", missing).problem(503, problem.DatabaseUnavailable))
	two.get(seven, "If-None-Match", `"`+epoch+`-1"`).is(304)
	two.store.recover()
	one.set("board-7", "x", "2")
	two.get(seven, "If-None-Match", `"`+missing+`"`).is(304)
}
