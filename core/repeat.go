package core

import (
	"slices"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// answersTo reports whether a logged batch may be the result of this proposal, which was sent again. The log has the batch
// as the server decided it, so three things are not compared: ids that the server assigned, because each request gets new
// ones; anchors, because the log has the resolved index; and the part of a path before its last item, because the path may
// have followed a moved item.
func (p *Proposal) answersTo(logged *Batch) bool {
	if p.Key != logged.Key || len(p.Ops) != len(logged.Ops) {
		return false
	}
	for i := range p.Ops {
		sent, was := &p.Ops[i], &logged.Ops[i]
		if sent.Kind != was.Kind || !samePlace(sent.Path, sent.PathText, was.Path) || !sent.mayHaveIndex(was) {
			return false
		}
		if !sent.hasValue(was, p.FilledIn) {
			return false
		}
	}
	return true
}

// hasValue reports whether an operation may have been logged with this value. A discarded operation is logged without its
// value, so any value matches.
func (o *ProposedOp) hasValue(logged *LoggedOp, filledIn bool) bool {
	if logged.Discarded != tree.Applied && logged.Value == "" {
		return true
	}
	return o.ValueText == logged.Value || filledIn && tree.EqualButIDs(o.ValueText, logged.Value) ||
		o.To != nil && sameArray(*o.To, logged.Value)
}

// samePlace reports whether a path may have been logged as another. A path that follows a moved item keeps the item and
// everything after it.
func samePlace(sent path.Path, text, logged string) bool {
	if text == logged {
		return true
	}
	was, err := path.Parse(logged)
	if err != nil {
		return false
	}
	for i := len(sent) - 1; i >= 0; i-- {
		if sent[i].Item {
			rest := sent[i:]
			return len(was) >= len(rest) && slices.Equal(was[len(was)-len(rest):], rest)
		}
	}
	return false
}

// sameArray is samePlace for the `to` of an array_move, which is logged as a JSON string.
func sameArray(sent path.Path, logged string) bool {
	v, err := tree.ParseStored([]byte(logged))
	if err != nil {
		return false
	}
	was, ok := v.(tree.String)
	return ok && samePlace(sent, sent.String(), string(was))
}

// mayHaveIndex reports whether an operation may have been logged with this index. A discarded operation keeps the index that
// was sent. An applied one has the resolved index, which for an array_move is never larger.
func (o *ProposedOp) mayHaveIndex(was *LoggedOp) bool {
	switch {
	case was.Discarded != tree.Applied:
		return o.Index == was.Index
	case o.Kind == tree.ArrayMove && o.To == nil && o.Index != tree.NoIndex:
		return was.Index <= o.Index
	}
	return true
}
