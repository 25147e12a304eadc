package sqlstore

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

func TestGroupIsWrittenInFewSystemCalls(t *testing.T) {
	store, _ := openUnattended(t, newFile(t))
	var load dbtest.Workload
	appendGroup := func() {
		if err := store.Append(t.Context(), load.Group(32)); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 { // so that each room has pages of its own
		appendGroup()
	}
	before := writeCalls(t)
	const groups = 10
	for range groups {
		appendGroup()
	}
	if calls := (writeCalls(t) - before) / groups; calls > 10 {
		t.Errorf("a group of 32 batches was written in %d system calls", calls)
	}
}

// writeCalls returns the number of writing system calls of the process.
func writeCalls(t *testing.T) (calls int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Skip(err)
	}
	_, after, _ := strings.Cut(string(text), "syscw: ")
	if _, err := fmt.Sscan(after, &calls); err != nil {
		t.Fatal(err)
	}
	return calls
}
