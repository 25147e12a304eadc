package e2e

import (
	"encoding/json"
	"fmt"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// documents are the documents of a room, by key.
type documents = map[string]*tree.Document

// replica is a room as one reader sees it, built only from the events that it received. It rejects events that the protocol
// does not allow: a duplicate batch, a gap, or an operation whose outcome differs from the server's.
type replica struct {
	room  string
	epoch string
	seq   int64 // of the last batch; -1: unknown
	docs  documents

	// The whole state received so far. It takes effect with the next event with an id: a stream that breaks before
	// that event is resumed from the old position.
	fresh documents

	starts  int         // number of times that it received whole state, including that of an empty room
	started bool        // since the last delta
	deltas  []seenDelta // every one
	states  []seenState // every one
}

// seenDelta is a received delta.
type seenDelta struct {
	data    json.RawMessage
	started bool // whole state, not another delta, preceded it
}

// seenState is a received whole document.
type seenState struct {
	key  string
	seq  int64
	text string
}

func newReplica(room string) *replica {
	return &replica{room: room, seq: -1, docs: documents{}}
}

// position is the event id to resume from, "" before there is one.
func (r *replica) position() string {
	if r.seq < 0 {
		return ""
	}
	return fmt.Sprintf("%s-%d", r.epoch, r.seq)
}

// connect prepares for a new stream, which either resumes from the replica's position or starts from whole state.
func (r *replica) connect(position string) {
	r.fresh = nil
	if position == "" {
		r.epoch, r.seq, r.docs = "", -1, documents{}
	}
}

// text returns the documents as JSON text.
func (r *replica) text() map[string]string {
	states := make(map[string]string, len(r.docs))
	for key, doc := range r.docs {
		states[key] = string(doc.AppendJSON(nil))
	}
	return states
}

// take applies one event.
func (r *replica) take(e event) error {
	switch e.name {
	case "state":
		return r.takeState(e.data)
	case "delta":
		if err := r.takeDelta(e.data); err != nil {
			return err
		}
	case "up-to-date":
		if err := r.takeUpToDate(e.data); err != nil {
			return err
		}
	default:
		return nil
	}
	if r.epoch == "" { // a delta has its epoch in the id alone
		r.epoch = e.id[:len(e.id)-len(fmt.Sprintf("-%d", r.seq))]
	}
	if e.id != r.position() {
		return fmt.Errorf("%s %s has the id %s at %s", e.name, e.data, e.id, r.position())
	}
	return nil
}

func (r *replica) takeState(data []byte) error {
	var state struct {
		Room, Key string
		ServerSeq int64
		State     json.RawMessage
	}
	if err := decodeStrictly(data, &state); err != nil {
		return err
	}
	if r.fresh == nil {
		r.fresh = documents{}
	}
	if state.Room != r.room || r.fresh[state.Key] != nil || state.ServerSeq < 1 {
		return fmt.Errorf("an unexpected state: %s", data)
	}
	doc, err := tree.LoadDocument(state.State)
	if err != nil {
		return err
	}
	r.fresh[state.Key] = doc
	r.states = append(r.states, seenState{state.Key, state.ServerSeq, string(state.State)})
	return nil
}

// startAgain replaces the documents by the whole state received.
func (r *replica) startAgain() {
	r.starts++
	r.started = true
	r.docs, r.fresh, r.seq, r.epoch = r.fresh, nil, -1, ""
	if r.docs == nil {
		r.docs = documents{}
	}
}

// delta is one batch as readers see it.
type delta struct {
	Room      string `json:"room"`
	Key       string `json:"key"`
	ServerSeq int64  `json:"serverSeq"`
	ClientID  string `json:"clientId"`
	ClientSeq int64  `json:"clientSeq"`
	ServerTs  int64  `json:"serverTs"`
	Ops       []op   `json:"ops"`
}

func (r *replica) takeDelta(data json.RawMessage) error {
	var d delta
	if err := decodeStrictly(data, &d); err != nil {
		return err
	}
	if r.fresh != nil {
		r.startAgain()
	}
	if d.Room != r.room || d.ServerSeq < 1 || r.seq >= 0 && d.ServerSeq != r.seq+1 {
		return fmt.Errorf("batch %d of %s follows on batch %d of %s", d.ServerSeq, d.Room, r.seq, r.room)
	}
	for _, o := range d.Ops {
		if err := r.apply(d.Key, o); err != nil {
			return fmt.Errorf("batch %d: %+v: %w", d.ServerSeq, o, err)
		}
	}
	r.seq = d.ServerSeq
	r.deltas = append(r.deltas, seenDelta{data, r.started})
	r.started = false
	return nil
}

// apply applies an operation to a document, with the same outcome as on the server.
func (r *replica) apply(key string, o op) error {
	where, err := path.Parse(o.Path)
	if err != nil {
		return err
	}
	parsed := tree.Op{Kind: o.Op, Path: where, Index: tree.NoIndex}
	if o.ArrayIndex != nil {
		parsed.Index = *o.ArrayIndex
	}
	if o.Value != nil {
		if parsed.Value, err = tree.ParseStored(o.Value); err != nil {
			return err
		}
	}
	if r.docs[key] == nil {
		r.docs[key] = new(tree.Document)
	}
	reason, index := r.docs[key].Apply(parsed, 0)
	if reason != tree.Applied || index != parsed.Index {
		return fmt.Errorf("it became %q at %d", reason, index)
	}
	return nil
}

func (r *replica) takeUpToDate(data []byte) error {
	var now struct {
		Room, Epoch string
		ServerSeq   int64
	}
	if err := decodeStrictly(data, &now); err != nil {
		return err
	}
	// No documents before and none received: the room is empty. This counts as a start, too.
	if r.fresh != nil || r.seq < 0 || r.epoch != now.Epoch || now.ServerSeq < r.seq {
		r.startAgain()
	}
	if now.Room != r.room || r.seq >= 0 && now.ServerSeq != r.seq {
		return fmt.Errorf("up to date at %d of %s, after batch %d of %s", now.ServerSeq, now.Room, r.seq, r.room)
	}
	r.epoch, r.seq = now.Epoch, now.ServerSeq
	return nil
}
