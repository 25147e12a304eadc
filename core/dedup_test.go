package core

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestClientIsUnknownUntilLogIsRead(t *testing.T) {
	r := newDedup(10)
	if got := r.check("ann", 1); got != unknownClient {
		t.Fatalf("a client never seen: %v", got)
	}
	r.learn("ann", "", 7, 20)
	for clientSeq, want := range map[int64]verdict{8: fresh, 7: passed, 0: passed} {
		if got := r.check("ann", clientSeq); got != want {
			t.Errorf("look(%d) = %v, want %v", clientSeq, got, want)
		}
	}
}

func TestNumberUpToLastFoldedIsPassed(t *testing.T) {
	r := newDedup(10)
	r.learn("ann", "", NoClientSeq, 0)
	r.fold(&Batch{ClientID: "ann", ClientSeq: 5, ServerSeq: 1})
	for clientSeq, want := range map[int64]verdict{4: passed, 5: passed, 6: fresh} {
		if got := r.check("ann", clientSeq); got != want {
			t.Errorf("look(%d) = %v, want %v", clientSeq, got, want)
		}
	}
}

// A client whose first batches are folded before its history is read must not be treated as a client without history.
func TestFoldDoesNotCompleteClientHistory(t *testing.T) {
	r := newDedup(10)
	r.fold(&Batch{ClientID: "ann", ClientSeq: 5, ServerSeq: 9})
	if got := r.check("ann", 6); got != unknownClient {
		t.Fatalf("look(6) = %v", got)
	}
	r.learn("ann", "", 3, 8) // the log was read before the fold
	if got := r.check("ann", 5); got != passed {
		t.Errorf("look(5) = %v", got)
	}
}

// A read of the log from before an eviction may lack batches that were folded since, and is ignored.
func TestStaleHistoryOfEvictedClientIsIgnored(t *testing.T) {
	r := newDedup(1)
	r.learn("ann", "", 3, 10)
	asOf := int64(10)                                            // ann's history is read here: 3
	r.fold(&Batch{ClientID: "ann", ClientSeq: 4, ServerSeq: 11}) // then ann's next batch is committed
	r.fold(&Batch{ClientID: "ben", ClientSeq: 1, ServerSeq: 12}) // and ann is evicted
	r.learn("ann", "", 3, asOf)
	if got := r.check("ann", 4); got != unknownClient {
		t.Fatalf("look(4) = %v: a batch would be taken twice", got)
	}
}

func TestRememberedClientsAreLimited(t *testing.T) {
	r := newDedup(100)
	for i := range 10_000 {
		r.fold(&Batch{ClientID: fmt.Sprint(i), ClientSeq: 1, ServerSeq: int64(i + 1)})
	}
	if len(r.clients) != 100 || r.byUse.Len() != 100 {
		t.Errorf("%d and %d clients are remembered", len(r.clients), r.byUse.Len())
	}
}

// With random evictions and late reads, a number is fresh only if it is higher than all of its client's numbers in the log. The
// caller follows the protocol: check, read the log as of the room's position, check again.
func TestNumberAboveLogIsFresh(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		r := newDedup(2)
		last := map[string]int64{}
		var serverSeq int64
		type request struct {
			client          string
			seq, asOf, last int64
			pending         bool
		}
		var requests []*request
		for range 400 {
			if len(requests) < 6 {
				client := string(rune('a' + rng.IntN(4)))
				requests = append(requests, &request{client: client, seq: max(0, last[client]+int64(rng.IntN(5))-2)})
			}
			i := rng.IntN(len(requests))
			a := requests[i]
			if a.pending { // the read of the log completes late
				r.learn(a.client, "", a.last, a.asOf)
				a.pending = false
				continue
			}
			switch r.check(a.client, a.seq) {
			case unknownClient:
				a.pending, a.asOf, a.last = true, serverSeq, NoClientSeq
				if n, ok := last[a.client]; ok {
					a.last = n
				}
			case passed:
				if n, ok := last[a.client]; !ok || a.seq > n {
					t.Fatalf("seed %d: %d of %s is called passed, and the last is %d", seed, a.seq, a.client, n)
				}
				requests = append(requests[:i], requests[i+1:]...)
			case fresh:
				if n, ok := last[a.client]; ok && a.seq <= n {
					t.Fatalf("seed %d: %d of %s is called fresh, and the last is %d", seed, a.seq, a.client, n)
				}
				serverSeq++
				last[a.client] = a.seq
				r.fold(&Batch{ClientID: a.client, ClientSeq: a.seq, ServerSeq: serverSeq})
				requests = append(requests[:i], requests[i+1:]...)
			}
		}
	}
}
