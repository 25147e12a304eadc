package sse

import (
	"bytes"
	"slices"
	"testing"
)

func TestFramesFromAPositionOnAreAPrelude(t *testing.T) {
	f := NewFeed(FeedConfig{MaxBytes: 10_000})
	var all []byte
	var ends []Position
	for seq := range int64(100) {
		frame := event(t, seq+1, 200)
		mustAppend(t, f, seq+1, frame)
		all = append(all, frame...)
		ends = append(ends, f.End())
	}
	oldest := f.chunks[0].start
	for _, from := range append([]Position{0}, ends...) {
		pieces, end, ok := f.Frames(from)
		if ok != (from >= oldest) {
			t.Fatalf("from %d: %v; the feed begins at %d", from, ok, oldest)
		}
		if ok {
			equal(t, string(bytes.Join(pieces, nil)), string(all[from:]))
			equal(t, end, f.End())
		}
		for _, piece := range pieces {
			if len(piece) == 0 || !bytes.HasSuffix(piece, []byte("\n\n")) {
				t.Fatalf("a piece that is not of whole frames: %q", piece)
			}
		}
	}
	if _, _, ok := f.Frames(f.End() + 1); ok {
		t.Error("there is nothing behind the end")
	}
}

func TestAppendingToAPieceOfFramesLeavesTheFeedAlone(t *testing.T) {
	f := NewFeed(FeedConfig{})
	say(t, f, "one")
	pieces, _, _ := f.Frames(0)
	want := slices.Concat(pieces[0], []byte("mine"))
	mine := append(pieces[0], "mine"...) //nolint:gocritic // another slice is the point
	say(t, f, "two")
	equal(t, string(mine), string(want))
	pieces, _, _ = f.Frames(0)
	equal(t, string(bytes.Join(pieces, nil)), text("one")+text("two"))
}
