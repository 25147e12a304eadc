package httpapi_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/sqlstore"
)

// onEachStore runs a test on a database in memory and on one in a file.
func onEachStore(t *testing.T, test func(*testing.T, *server)) {
	t.Helper()
	for name, open := range map[string]func(*testing.T) core.Store{
		"memory": func(*testing.T) core.Store { return memstore.New() },
		"SQLite": func(t *testing.T) core.Store {
			store, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "test.db"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { store.Close() })
			return store
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			test(t, start(t, func(p *parts) { p.store = store }))
		})
	}
}

func TestReusedClientSeqWithOtherContentIsRefused(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *server) {
		batch := func(key, ops string) string {
			return `{"clientId":"ada","clientSeq":5,"key":"` + key + `","ops":[` + ops + `]}`
		}
		const set, del = `{"op":"set","path":"x","value":{"a":1}}`, `{"op":"delete","path":"y"}`
		s.harmless(t, func() {
			s.post("/v1/rooms/replay/ops", batch("default", set+","+del)).is(200)
			before := s.state("replay")
			for _, other := range []string{
				batch("default", `{"op":"set","path":"x","value":{"a":2}},`+del),
				batch("default", `{"op":"set","path":"x","value":{"a":1.0}},`+del),
				batch("default", `{"op":"set","path":"x","value":{"a":1,"b":2}},`+del),
				batch("default", `{"op":"set","path":"z","value":{"a":1}},`+del),
				batch("default", `{"op":"array_add","path":"x","value":{"a":1}},`+del),
				batch("default", del+","+set),
				batch("default", set),
				batch("default", set+","+del+","+del),
				batch("elsewhere", set+","+del),
			} {
				s.post("/v1/rooms/replay/ops", other).problem(409, problem.ClientSeqReused)
			}
			if after := s.state("replay"); after != before {
				t.Errorf("a replay changed\n%s to\n%s", before, after)
			}
			if a := s.post("/v1/rooms/replay/ops", batch("default", set+","+del)).is(200); !strings.Contains(a.body, `"duplicate":true`) {
				t.Errorf("the first content is not known any more: %s", a.body)
			}
		})
	})
}

// Rooms, keys and clients that a case-insensitive or normalizing comparison would confuse are different.
func TestSimilarNamesAreDifferent(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *server) {
		for _, name := range []string{"a", "A", "á", "a\u0301", "a\u200b", "%", "_", "a_", "a%", "' OR 1=1 --", `\`, `"`, "1", "1.0", "01", "null"} {
			batch := func(clientID, key string) string {
				return `{"clientId":` + quote(clientID) + `,"clientSeq":1,"key":` + quote(key) + `,"ops":[{"op":"init","path":"","value":1}]}`
			}
			for what, a := range map[string]answer{
				"room":     s.post("/v1/rooms/"+encode(name)+"/ops", batch("ada", "default")),
				"clientId": s.post("/v1/rooms/senders/ops", batch(name, "of "+name)),
				"key":      s.post("/v1/rooms/keys/ops", batch("of "+name, name)),
			} {
				if a.is(200); !strings.Contains(a.body, `"duplicate":false,"results":[{"status":"applied"}]`) {
					t.Errorf("the %s %q is another one's: %s", what, name, a.body)
				}
			}
		}
	})
}
