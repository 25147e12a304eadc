package core

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestANumberIsUnknownUntilTheLogHasBeenAsked(t *testing.T) {
	r := newReceipts(10)
	if got := r.look("ann", 1, -1); got != unknownClient {
		t.Fatalf("a client never seen: %v", got)
	}
	r.learn("ann", "", 7, 20)
	for _, c := range []struct {
		clientSeq, absentUpTo int64
		want                  verdict
	}{
		{8, -1, unseen},        // beyond the highest: no need to ask
		{7, -1, unknownNumber}, // within the history that only the log knows
		{7, 19, unknownNumber}, // looked up before the client's history was learnt
		{7, 20, unseen},        // looked up, and not there: a number sent out of order
	} {
		if got := r.look("ann", c.clientSeq, c.absentUpTo); got != c.want {
			t.Errorf("look(%d, %d) = %v, want %v", c.clientSeq, c.absentUpTo, got, c.want)
		}
	}
}

func TestAFoldedNumberIsSeen(t *testing.T) {
	r := newReceipts(10)
	r.learn("ann", "", NoClientSeq, 0)
	r.fold(&Batch{ClientID: "ann", ClientSeq: 5, ServerSeq: 1})
	if got := r.look("ann", 5, -1); got != seen {
		t.Errorf("look(5) = %v", got)
	}
	if got := r.look("ann", 6, -1); got != unseen {
		t.Errorf("look(6) = %v", got)
	}
	if got := r.look("ann", 4, 1); got != unseen {
		t.Errorf("look(4), absent from the log = %v", got)
	}
}

// A client whose first batches are folded before its history was asked for must not be taken for one without history.
func TestFoldingAloneDoesNotMakeAClientKnown(t *testing.T) {
	r := newReceipts(10)
	r.fold(&Batch{ClientID: "ann", ClientSeq: 5, ServerSeq: 9})
	if got := r.look("ann", 6, -1); got != unknownClient {
		t.Fatalf("look(6) = %v", got)
	}
	r.learn("ann", "", 3, 8) // the log was read before the fold
	if got := r.look("ann", 5, 8); got != seen {
		t.Errorf("look(5) = %v", got)
	}
}

// What was read from the log before a client was forgotten may lack batches folded since, and is not believed.
func TestStaleHistoryOfAForgottenClientIsNotLearnt(t *testing.T) {
	r := newReceipts(1)
	r.learn("ann", "", 3, 10)
	asOf := int64(10)                                            // somebody reads ann's history here: 3
	r.fold(&Batch{ClientID: "ann", ClientSeq: 4, ServerSeq: 11}) // then ann's next batch is committed
	r.fold(&Batch{ClientID: "ben", ClientSeq: 1, ServerSeq: 12}) // and ann is forgotten
	r.learn("ann", "", 3, asOf)
	if got := r.look("ann", 4, -1); got != unknownClient {
		t.Fatalf("look(4) = %v: a batch would be taken twice", got)
	}
}

func TestTheNumberOfRememberedClientsIsBounded(t *testing.T) {
	r := newReceipts(100)
	for i := range 10_000 {
		r.fold(&Batch{ClientID: fmt.Sprint(i), ClientSeq: 1, ServerSeq: int64(i + 1)})
	}
	if len(r.clients) != 100 || r.byUse.Len() != 100 {
		t.Errorf("%d and %d clients are remembered", len(r.clients), r.byUse.Len())
	}
}

// Whatever is forgotten and learnt in between, a number that the log has is never called unseen by somebody who follows
// the protocol: look, ask the log as of the room's position, look again.
func TestNoNumberIsEverTakenTwice(t *testing.T) {
	type number struct {
		client string
		seq    int64
	}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		r := newReceipts(2)
		log := map[number]int64{}
		var serverSeq int64
		lastOf := func(client string) int64 {
			last := int64(NoClientSeq)
			for n := range log {
				if n.client == client {
					last = max(last, n.seq)
				}
			}
			return last
		}
		type asker struct {
			number
			absentUpTo, asOf, last int64
			asked                  bool
		}
		var askers []*asker
		for range 400 {
			if len(askers) < 6 {
				n := number{string(rune('a' + rng.IntN(4))), int64(rng.IntN(12))}
				askers = append(askers, &asker{number: n, absentUpTo: -1})
			}
			i := rng.IntN(len(askers))
			a := askers[i]
			if a.asked { // the answer of the log arrives late
				r.learn(a.client, "", a.last, a.asOf)
				a.asked = false
				continue
			}
			switch r.look(a.client, a.seq, a.absentUpTo) {
			case unknownClient:
				a.asked, a.asOf, a.last = true, serverSeq, lastOf(a.client)
			case unknownNumber, seen:
				if _, there := log[a.number]; there {
					askers = append(askers[:i], askers[i+1:]...)
				} else {
					a.absentUpTo = serverSeq
				}
			case unseen:
				if at, there := log[a.number]; there {
					t.Fatalf("seed %d: %v is in the log at %d and was taken again", seed, a.number, at)
				}
				serverSeq++
				log[a.number] = serverSeq
				r.fold(&Batch{ClientID: a.client, ClientSeq: a.seq, ServerSeq: serverSeq})
				askers = append(askers[:i], askers[i+1:]...)
			}
		}
	}
}
