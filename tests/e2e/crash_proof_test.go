package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core/tree"
)

// reading is a room as the server returns it.
type reading struct {
	snapshot string // the body, unchanged
	states   map[string]string
	history  []json.RawMessage
}

func (s *server) readings(rooms []string) map[string]reading {
	s.t.Helper()
	readings := map[string]reading{}
	for _, room := range rooms {
		history, err := s.history(s.t.Context(), room)
		if err != nil {
			s.t.Fatal(err)
		}
		body := string(s.get("/v1/rooms/" + room).body)
		readings[room] = reading{body, s.snapshot(room).states(), history}
	}
	return readings
}

func (l *load) writersOf(room string) []*writer {
	return slices.DeleteFunc(slices.Clone(l.writers), func(w *writer) bool { return w.room != room })
}

func (l *load) observersOf(room string) []*observer {
	return slices.DeleteFunc(slices.Clone(l.observers), func(w *observer) bool { return w.replica.room != room })
}

// proof compares a room's log with the batches that its writers sent and the events that its observers received.
type proof struct {
	t       *testing.T
	room    string
	log     []loggedBatch // by serverSeq, from 1 on without a gap
	reading reading
}

// prove compares a room's log with the records of all writers and observers of the room.
func (l *load) prove(p proof) {
	p.t.Helper()
	p.everyBatchIsLoggedOnceAsAnswered(l.writersOf(p.room))
	p.readersReceiveTheLog()
	for _, w := range l.observersOf(p.room) {
		p.receivedTheLog(w)
	}
}

// everyBatchIsLoggedOnceAsAnswered checks that the log has exactly the answered batches, each once and with the outcome of
// its answer.
func (p *proof) everyBatchIsLoggedOnceAsAnswered(writers []*writer) {
	sent := 0
	for _, w := range writers {
		for _, b := range w.sent {
			sent++
			seq := b.answer.ServerSeq
			if seq < 1 || seq > int64(len(p.log)) {
				p.t.Fatalf("%s: the answer to batch %d has serverSeq %d, but the log has only %d batches", w.id, b.ClientSeq, seq, len(p.log))
			}
			logged := p.log[seq-1]
			if logged.clientID != w.id || logged.clientSeq != b.ClientSeq || logged.key != b.Key {
				p.t.Fatalf("batch %d of %s was answered as serverSeq %d, which is batch %d of %s in the log", b.ClientSeq, w.id, seq,
					logged.clientSeq, logged.clientID)
			}
			if err := logged.is(b); err != nil {
				p.t.Fatalf("batch %d: %v", seq, err)
			}
		}
	}
	numbers := map[string]bool{}
	for _, b := range p.log {
		numbers[fmt.Sprintf("%s %d", b.clientID, b.clientSeq)] = true
	}
	if len(numbers) != len(p.log) || sent != len(p.log) {
		p.t.Errorf("%d batches were sent, and %d are logged, with %d numbers", sent, len(p.log), len(numbers))
	}
}

// is compares a logged batch with one that was sent, and with the answer.
func (b loggedBatch) is(sent sentBatch) error {
	if len(b.ops) != len(sent.Ops) || len(b.ops) != len(sent.answer.Results) {
		return fmt.Errorf("%d ops were sent, %d answered, and %d logged", len(sent.Ops), len(sent.answer.Results), len(b.ops))
	}
	for i, logged := range b.ops {
		result := sent.answer.Results[i]
		switch {
		case logged.kind != sent.Ops[i].Op || logged.path != sent.Ops[i].Path:
			return fmt.Errorf("op %d: %+v was sent, and %+v logged", i, sent.Ops[i], logged)
		case (result.Status == "applied") != (logged.discarded == "") || result.Reason != logged.discarded:
			return fmt.Errorf("op %d: %+v was answered, and %q logged", i, result, logged.discarded)
		case result.ArrayIndex != nil && *result.ArrayIndex != logged.index:
			return fmt.Errorf("op %d: place %d was answered, and %d logged", i, *result.ArrayIndex, logged.index)
		}
		if sent.answer.Ops != nil && string(sent.answer.Ops[i].Value) != logged.value {
			return fmt.Errorf("op %d: %s was answered, and %s logged", i, sent.answer.Ops[i].Value, logged.value)
		}
		if logged.discarded != "" { // it is logged without its value
			if logged.value != "" {
				return fmt.Errorf("op %d: discarded as %s, and logged with the value %s", i, logged.discarded, logged.value)
			}
			continue
		}
		if !asSent(sent.Ops[i].Value, logged.value) {
			return fmt.Errorf("op %d: %s was sent, and %s logged", i, sent.Ops[i].Value, logged.value)
		}
	}
	return nil
}

// asSent reports whether a logged value equals the value sent, apart from an id that the server appended.
func asSent(sent json.RawMessage, logged string) bool {
	if sent == nil {
		return logged == ""
	}
	value, err := tree.ParseStored(sent)
	if err != nil {
		return false
	}
	text := string(tree.AppendJSON(nil, value))
	named, ok := strings.CutPrefix(logged, strings.TrimSuffix(text, "}")+`,"_sync_id":"`)
	return text == logged || ok && strings.HasSuffix(named, `"}`)
}

// readersReceiveTheLog checks that the changes from the beginning equal the log, and that their fold equals the documents.
func (p *proof) readersReceiveTheLog() {
	if len(p.reading.history) != len(p.log) {
		p.t.Fatalf("readers receive %d batches, want %d", len(p.reading.history), len(p.log))
	}
	fold := newReplica(p.room)
	for i, change := range p.reading.history {
		if err := fold.takeDelta(change); err != nil {
			p.t.Fatal(err)
		}
		var d delta
		if err := json.Unmarshal(change, &d); err != nil {
			p.t.Fatal(err)
		}
		if err := p.log[i].matchesDelta(d); err != nil {
			p.t.Fatalf("batch %d: %v", i+1, err)
		}
	}
	if err := differ(p.reading.states, fold.text()); err != nil {
		p.t.Errorf("the log, folded: %v", err)
	}
}

// matchesDelta compares a logged batch with its delta, which has the ops that took effect.
func (b loggedBatch) matchesDelta(d delta) error {
	effective := slices.DeleteFunc(slices.Clone(b.ops), func(o loggedOp) bool { return o.discarded != "" })
	if d.ClientID != b.clientID || d.ClientSeq != b.clientSeq || d.Key != b.key || d.ServerTs != b.serverTs ||
		len(d.Ops) != len(effective) {
		return fmt.Errorf("%+v has the delta %+v", b, d)
	}
	for i, o := range effective {
		told := d.Ops[i]
		if told.Op != o.kind || told.Path != o.path || string(told.Value) != o.value ||
			told.ArrayIndex == nil && o.index != tree.NoIndex || told.ArrayIndex != nil && *told.ArrayIndex != o.index {
			return fmt.Errorf("%+v has the delta %+v", o, told)
		}
	}
	return nil
}

// receivedTheLog checks that an observer received every batch once, in order and in the same bytes as all other readers. Only
// whole state may replace earlier batches, and an observer that resumes receives whole state once. At the end the observer has
// the server's documents.
func (p *proof) receivedTheLog(w *observer) {
	if w.resumes && w.replica.starts > 1 {
		p.t.Errorf("%s received whole state %d times", w.name, w.replica.starts)
	}
	next := int64(1)
	for _, seen := range w.replica.deltas {
		var d delta
		if err := json.Unmarshal(seen.data, &d); err != nil {
			p.t.Fatal(err)
		}
		if d.ServerSeq != next && !seen.started {
			p.t.Fatalf("%s received batch %d, want batch %d", w.name, d.ServerSeq, next)
		}
		next = d.ServerSeq + 1
		if told := p.reading.history[d.ServerSeq-1]; string(told) != string(seen.data) {
			p.t.Fatalf("%s received\n%s\nand other readers\n%s", w.name, seen.data, told)
		}
	}
	if err := differ(p.reading.states, w.replica.text()); err != nil {
		p.t.Errorf("%s: %v", w.name, err)
	}
	p.sawStates(w)
}

// sawStates compares each whole document that an observer received with the fold of the log.
func (p *proof) sawStates(w *observer) {
	states := slices.Clone(w.replica.states)
	slices.SortStableFunc(states, func(a, b seenState) int { return int(a.seq - b.seq) })
	fold := newReplica(p.room)
	for _, state := range states {
		for fold.seq < state.seq {
			if err := fold.takeDelta(p.reading.history[max(fold.seq, 0)]); err != nil {
				p.t.Fatal(err)
			}
		}
		if folded := fold.text()[state.key]; folded != state.text {
			p.t.Fatalf("%s received %s at %d as\n%s\nwant the fold of the log\n%s", w.name, state.key, state.seq, state.text, folded)
		}
	}
}
