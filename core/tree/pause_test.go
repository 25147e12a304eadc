package tree_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pathsync/pathsync/core/tree"
)

func TestParsingLargeTextYieldsToOtherGoroutines(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var members strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&members, `,"k%d":1`, i)
	}
	for name, text := range map[string]string{
		"numbers": "[" + strings.Repeat("1,", 2<<20) + "1]",
		"objects": "[" + strings.Repeat(`{"a":1},`, 1<<19) + "{}]",
		"members": "{" + members.String()[1:] + "}",
	} {
		t.Run(name, func(t *testing.T) {
			turns, ended := 0, make(chan struct{})
			var stop atomic.Bool
			go func() {
				defer close(ended)
				for !stop.Load() {
					turns++
					runtime.Gosched()
				}
			}()
			if _, err := tree.Parse([]byte(text), 8); err != nil {
				t.Fatal(err)
			}
			stop.Store(true)
			<-ended
			if want := len(text) >> 16; turns < want {
				t.Errorf("other goroutines run %d times during %d bytes, want %d", turns, len(text), want)
			}
		})
	}
}
