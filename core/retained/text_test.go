package retained_test

import (
	"sync"
	"testing"

	"github.com/pathsync/pathsync/core/retained"
)

func TestTextIsMadeOnce(t *testing.T) {
	made := 0
	text := retained.NewText(func() []byte { made++; return []byte("text") })
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if got := text.String(); got != "text" {
				t.Errorf("got %q", got)
			}
		})
	}
	all.Wait()
	if made != 1 {
		t.Errorf("it was made %d times", made)
	}
}

func TestDroppedTextIsCountedOnceWhenItIsMade(t *testing.T) {
	var dropped []string
	drop := func(bytes []byte) { dropped = append(dropped, string(bytes)) }
	var late, early *retained.Text
	late = retained.NewText(func() []byte {
		late.Drop(drop) // does not wait for the bytes
		return []byte("late")
	})
	early = retained.NewText(func() []byte { return []byte("early") })
	late.Bytes()
	late.Bytes()
	early.Bytes()
	early.Drop(drop)
	if len(dropped) != 2 || dropped[0] != "late" || dropped[1] != "early" {
		t.Errorf("dropped %q", dropped)
	}
	var none *retained.Text
	if none.Drop(drop); len(dropped) != 2 || none.Bytes() != nil {
		t.Error("no text has bytes")
	}
}
