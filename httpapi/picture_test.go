package httpapi_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// picture is the state of a room that a reader derives from events.
type picture struct {
	t         *testing.T
	documents map[string]*tree.Document
	seq       int64
	joining   bool // deltas may follow older states, but must follow each other
}

func newPicture(t *testing.T) *picture {
	return &picture{t: t, documents: map[string]*tree.Document{}, joining: true}
}

// take applies an event, and expects no gap before it.
func (p *picture) take(e event) {
	p.t.Helper()
	switch e.name {
	case "state":
		var s struct {
			Key       string
			ServerSeq int64
			State     json.RawMessage
		}
		p.decode(e, &s)
		d, err := tree.LoadDocument(s.State)
		if err != nil {
			p.t.Fatalf("%v: %.200s", err, s.State)
		}
		p.documents[s.Key], p.seq, p.joining = d, max(p.seq, s.ServerSeq), true
	case "delta":
		p.delta(e)
	case "up-to-date":
		var u struct{ ServerSeq int64 }
		p.decode(e, &u)
		if u.ServerSeq < p.seq || !p.joining && u.ServerSeq != p.seq {
			p.t.Errorf("up to date at %d, and what came before ends at %d", u.ServerSeq, p.seq)
		}
		p.seq, p.joining = u.ServerSeq, false
	}
}

func (p *picture) delta(e event) {
	p.t.Helper()
	var d struct {
		Key       string
		ServerSeq int64
		Ops       []struct {
			Op         tree.Kind
			Path       string
			Value      json.RawMessage
			ArrayIndex *int
		}
	}
	p.decode(e, &d)
	if follows := d.ServerSeq == p.seq+1; !follows && (!p.joining || d.ServerSeq <= p.seq) {
		p.t.Errorf("batch %d comes after batch %d", d.ServerSeq, p.seq)
	}
	p.seq, p.joining = d.ServerSeq, false
	if p.documents[d.Key] == nil {
		p.documents[d.Key] = new(tree.Document)
	}
	for _, sent := range d.Ops {
		op := tree.Op{Kind: sent.Op, Index: tree.NoIndex}
		var err error
		if op.Path, err = path.Parse(sent.Path); err != nil {
			p.t.Fatal(err)
		}
		if sent.Value != nil {
			if op.Value, err = tree.ParseStored(sent.Value); err != nil {
				p.t.Fatal(err)
			}
		}
		if sent.ArrayIndex != nil {
			op.Index = *sent.ArrayIndex
		}
		if reason, _ := p.documents[d.Key].Apply(op, 0); reason != tree.Applied {
			p.t.Errorf("batch %d has an op that does not take effect: %s", d.ServerSeq, reason)
		}
	}
}

func (p *picture) decode(e event, into any) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(e.data), into); err != nil {
		p.t.Fatalf("%v: %.200s", err, e.data)
	}
}

// states returns the JSON of each document, by key.
func (p *picture) states() map[string]string {
	states := map[string]string{}
	for key, d := range p.documents {
		if d.Exists() {
			states[key] = string(d.AppendJSON(nil))
		}
	}
	return states
}

// equals expects the picture to equal GET of the room.
func (p *picture) equals(room string) {
	p.t.Helper()
	var shown struct {
		ServerSeq int64
		Stores    map[string]struct{ State json.RawMessage }
	}
	p.decode(event{data: room}, &shown)
	states := map[string]string{}
	for key, s := range shown.Stores {
		states[key] = string(s.State)
	}
	if p.seq != shown.ServerSeq || !maps.Equal(states, p.states()) {
		p.t.Errorf("at %d the reader has other bytes than the room at %d: keys %q and %q",
			p.seq, shown.ServerSeq, slices.Sorted(maps.Keys(p.states())), slices.Sorted(maps.Keys(states)))
	}
}
