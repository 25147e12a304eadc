package cluster

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// judge returns the violations of the guarantees in the history of one room.
func judge(h *history) (violations []string) {
	j := &judgement{history: h, places: map[string]int64{}}
	j.checkLog()
	j.checkWrites()
	for i := range h.streams {
		j.checkStream(&h.streams[i])
	}
	j.checkReads()
	j.checkOrder()
	return j.violations
}

type judgement struct {
	*history
	violations []string
	places     map[string]int64 // number in the log, by name of the batch
}

func (j *judgement) fault(format string, args ...any) {
	j.violations = append(j.violations, fmt.Sprintf(format, args...))
}

// checkLog: numbers without gaps, each batch once, those of a client in the order of its numbers.
func (j *judgement) checkLog() {
	last := map[string]int64{}
	for i, d := range j.log {
		if d.ServerSeq != int64(i)+1 {
			j.fault("batch %d is at place %d of the log", d.ServerSeq, i+1)
		}
		if first := j.places[d.name()]; first != 0 {
			j.fault("%s is in the log at %d and %d", d.name(), first, d.ServerSeq)
		}
		if d.ClientSeq <= last[d.ClientID] {
			j.fault("%s comes after number %d of that client", d.name(), last[d.ClientID])
		}
		j.places[d.name()], last[d.ClientID] = d.ServerSeq, d.ClientSeq
	}
}

// checkWrites: the log has what was acknowledged, at the number of the answer, nothing that was refused, and nothing that
// nobody sent.
func (j *judgement) checkWrites() {
	sent := map[string]bool{}
	for _, w := range j.writes {
		name := batchName(w.client, w.seq)
		sent[name] = true
		switch place := j.places[name]; {
		case w.outcome == acknowledged && place != w.serverSeq:
			j.fault("%s was acknowledged as %d, and the log has it at %d", name, w.serverSeq, place)
		case w.outcome == refused && place != 0:
			j.fault("%s was refused, and the log has it at %d", name, place)
		}
	}
	for name, place := range j.places {
		if !sent[name] {
			j.fault("batch %d of the log, %s, was not sent", place, name)
		}
	}
}

// checkStream: a reader gets the batches of the log one after the other, up to the last one or one that ended it.
func (j *judgement) checkStream(s *stream) {
	next := s.start
	for _, d := range s.deltas {
		next++
		if d.ServerSeq != next {
			j.fault("%s got batch %d instead of %d", s.reader, d.ServerSeq, next)
			return
		}
		if int(next) > len(j.log) {
			j.fault("%s got batch %d, and the log ends at %d", s.reader, next, len(j.log))
			return
		}
		if in := j.log[next-1]; in.name() != d.name() || !bytes.Equal(in.Ops, d.Ops) {
			j.fault("%s got %s as batch %d, %s, and the log has %s, %s", s.reader, d.name(), next, d.Ops, in.name(), in.Ops)
			return
		}
	}
	n := len(s.deltas)
	if ended := n > 0 && s.deltas[n-1].ClientID == lastWriter; !ended && int(next) != len(j.log) {
		j.fault("%s ends at batch %d of %d", s.reader, next, len(j.log))
	}
}

// checkReads: what a reader got is the fold of the log up to the number of the answer, and not older than the number it named.
func (j *judgement) checkReads() {
	reads := slices.SortedFunc(slices.Values(j.reads), func(a, b read) int { return cmp.Compare(a.seq, b.seq) })
	want, items := document{Counts: map[string]int64{}}, map[string]bool{}
	seq := int64(0)
	for _, r := range reads {
		if r.seq < r.after {
			j.fault("%s answered with batch %d to a request that named %d, at %v", r.by, r.seq, r.after, r.call)
		}
		if r.seq > int64(len(j.log)) {
			j.fault("%s answered with batch %d, and the log ends at %d", r.by, r.seq, len(j.log))
			return
		}
		for ; seq < r.seq; seq++ {
			d := &j.log[seq]
			want.Last, want.Counts[d.ClientID] = d.name(), d.ClientSeq
			if id := itemOf(d.ClientID, d.ClientSeq); !items[id] {
				items[id] = true
				want.Items = append(want.Items, struct {
					ID string `json:"_sync_id"`
				}{id})
			}
		}
		if r.document == nil || r.seq == 0 {
			continue
		}
		if got := r.document; got.Last != want.Last || !maps.Equal(got.Counts, want.Counts) || !slices.Equal(got.Items, want.Items) {
			j.fault("%s answered at batch %d with %+v, and the log makes %+v", r.by, r.seq, *got, want)
		}
	}
}

// orderLimit limits the search for an order.
const orderLimit = time.Minute

// checkOrder: there is an order of the writes and of the reads that name a number, in which each takes effect between its call and its
// end: a write appends to the log, and a read returns all of it. Plain reads are not part of it, because a server may answer them
// from what it has. A write without an answer takes effect at any time after its call if the log has it, and never if not.
func (j *judgement) checkOrder() {
	var all []porcupine.Operation
	for _, w := range j.writes {
		name := batchName(w.client, w.seq)
		op := porcupine.Operation{Input: step{append: name}, Call: int64(w.call), Output: w.serverSeq, Return: int64(w.end)}
		if w.outcome != acknowledged {
			place, ok := j.places[name]
			if !ok {
				continue
			}
			op.Output, op.Return = place, math.MaxInt64
		}
		all = append(all, op)
	}
	for _, r := range j.reads {
		if r.after == 0 {
			continue
		}
		op := porcupine.Operation{Input: step{}, Call: int64(r.call), Output: r.seq, Return: int64(r.end)}
		if r.document != nil && r.document.Last != "" {
			op.Input = step{last: r.document.Last}
		}
		all = append(all, op)
	}
	switch porcupine.CheckOperationsTimeout(roomModel, all, orderLimit) {
	case porcupine.Illegal:
		j.fault("the %d writes and reads have no order in which each takes effect between its call and its end", len(all))
	case porcupine.Unknown:
		j.fault("no order of %d writes and reads was found in %v", len(all), orderLimit)
	}
}

// step is an append of a batch, or a read. last is the name of the last batch that the read returned; "" if it did not say.
type step struct{ append, last string }

// roomState is the number of batches of a room, and the name of the last one.
type roomState struct {
	seq  int64
	last string
}

// roomModel is a room as a sequential program: an append returns the next number, and a read returns the last one.
var roomModel = porcupine.Model{
	Init: func() any { return roomState{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, seq := state.(roomState), input.(step), output.(int64)
		if in.append != "" {
			return seq == s.seq+1, roomState{seq, in.append}
		}
		return seq == s.seq && (in.last == "" || in.last == s.last), s
	},
	DescribeOperation: func(input, output any) string {
		if in := input.(step); in.append != "" {
			return fmt.Sprintf("append %s as %d", in.append, output)
		}
		return fmt.Sprintf("read %d", output)
	},
}
