package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// Caches keep closed ranges without limit, so their bytes must never change: not if a range is read from the log instead of
// memory, not after documents have been saved, and not in the next process.
func TestAClosedRangeIsTheSameBytesFromEveryDatabase(t *testing.T) {
	for name, newDatabase := range map[string]func(testing.TB) string{
		"SQLite":     func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "rooms.db") },
		"PostgreSQL": dbtest.Postgres,
		"SQLServer":  dbtest.SQLServer,
	} {
		t.Run(name, func(t *testing.T) {
			s := startServerOn(t, newDatabase(t), "--server-batch-ms", "20")
			const last = 120
			for n := range last {
				s.post("board", batch{ClientID: fmt.Sprint("c", n%3), Key: fmt.Sprint("k", n%2), Ops: unusualOps(n)})
			}
			epoch := s.snapshot("board").Epoch
			read := func() map[string]string {
				ranges := map[string]string{}
				for _, ends := range [][2]int{{0, 1}, {0, 100}, {3, 20}, {37, 100}, {100, last}, {0, last}} {
					path := fmt.Sprintf("/v1/rooms/board/changes?after=%s-%d&until=%s-%d", epoch, ends[0], epoch, ends[1])
					ranges[path] = string(s.get(path).body)
				}
				return ranges
			}
			want := read()
			for _, again := range []struct{ from, feed string }{{"the next process", "4194304"}, {"one with hardly any memory", "4096"}} {
				s.kill()
				s.flags = []string{"--feed-bytes", again.feed}
				s.start()
				s.set("board", "more", "1")
				for path, body := range read() {
					if body != want[path] {
						t.Errorf("from %s, %s is\n%.500s\nand was\n%.500s", again.from, path, body, want[path])
					}
				}
			}
			s.stop()
		})
	}
}

// unusualOps are operations with texts and numbers that a database may normalize, and some that do not take effect.
func unusualOps(n int) []op {
	index := n % 4
	values := []string{`1.0`, `-0`, `1e2`, `0.10000000000000001`, `"é\u2028 \u0001/ trailing "`, `{"b":1,"a":[null,true,""]}`, `"🙂\\\""`,
		`"` + strings.Repeat("long ", 900) + `"`}
	return []op{
		{Path: "x", Op: "set", Value: []byte(values[n%len(values)])},
		{Path: "list", Op: "array_add", Value: fmt.Appendf(nil, `{"n":%d}`, n), ArrayIndex: &index},
		{Path: "missing", Op: "delete"},
	}
}
