package httpapi_test

import (
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi/problem"
)

func TestAnchorsAreResolvedToAnIndexInTheDelta(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.ops("r", `{"op":"set","path":"l","value":[{"_sync_id":"a"},{"_sync_id":"b"},{"_sync_id":"c"}]}`).is(200)
		r := s.open("/v1/rooms/r/events").live()
		s.ops("r", `{"op":"array_add","path":"l","value":{"_sync_id":"x"},"after":"b"},
			{"op":"array_move","path":"l[c]","after":null},
			{"op":"array_move","path":"l[a]","after":["gone","x",null]},
			{"op":"array_add","path":"l","value":{"_sync_id":"y"},"after":"gone"}`).is(200).
			says(`{"room":"r","key":"default","epoch":"history1","serverSeq":2,"duplicate":false,"results":[` +
				`{"status":"applied","arrayIndex":2},{"status":"applied","arrayIndex":0},` +
				`{"status":"applied","arrayIndex":3},{"status":"applied","arrayIndex":4}]}`)
		r.wants(event{"history1-2", "delta", `{"room":"r","key":"default","serverSeq":2,"clientId":"ada","serverTs":` + midnight +
			`,"ops":[{"path":"l","op":"array_add","value":{"_sync_id":"x"},"arrayIndex":2},` +
			`{"path":"l[c]","op":"array_move","arrayIndex":0},{"path":"l[a]","op":"array_move","arrayIndex":3},` +
			`{"path":"l","op":"array_add","value":{"_sync_id":"y"},"arrayIndex":4}]}`})
		s.get("/v1/rooms/r/stores/default").is(200).says(`{"room":"r","key":"default","epoch":"history1","serverSeq":2,"state":` +
			`{"l":[{"_sync_id":"c"},{"_sync_id":"b"},{"_sync_id":"x"},{"_sync_id":"a"},{"_sync_id":"y"}]}}`)
	})
}

func TestEditFollowsAMovedItem(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.ops("r", `{"op":"set","path":"","value":{"todo":[{"_sync_id":"x"}],"doing":[],"done":[]}}`).is(200)
		r := s.open("/v1/rooms/r/events").live()
		s.ops("r", `{"op":"array_move","path":"todo[x]","to":"doing"}`).is(200)
		moved := `{"room":"r","key":"default","serverSeq":2,"clientId":"ada","serverTs":` + midnight +
			`,"ops":[{"path":"todo[x]","op":"array_move","to":"doing","arrayIndex":0}]}`
		r.wants(event{"history1-2", "delta", moved})
		batch := `{"clientId":"bob","clientSeq":7,"key":"default","ops":[
			{"op":"set","path":"todo[x].n","value":1},{"op":"array_move","path":"todo[x]","to":"done"}]}`
		first := s.post("/v1/rooms/r/ops", batch).is(200)
		edited := `{"room":"r","key":"default","serverSeq":3,"clientId":"bob","clientSeq":7,"serverTs":` + midnight +
			`,"ops":[{"path":"doing[x].n","op":"set","value":1},{"path":"doing[x]","op":"array_move","to":"done","arrayIndex":0}]}`
		r.wants(event{"history1-3", "delta", edited})
		s.post("/v1/rooms/r/ops", batch).is(200).says(strings.Replace(first.body, `"duplicate":false`, `"duplicate":true`, 1))
		s.get("/v1/rooms/r/changes?after=history1-1").is(200).
			says(`{"room":"r","epoch":"history1","changes":[` + moved + `,` + edited + `],"next":"history1-3","upToDate":true}`)
		s.get("/v1/rooms/r/stores/default").is(200).says(`{"room":"r","key":"default","epoch":"history1","serverSeq":3,"state":` +
			`{"todo":[],"doing":[],"done":[{"_sync_id":"x","n":1}]}}`)
	})
}

func TestMovedItemDoesNotAvoidReadOnly(t *testing.T) {
	s, _ := startProtected(t)
	owner := s.by("owner", editor)
	owner.post(eight+"/ops", `{"clientId":"o","key":"default","ops":[{"op":"set","path":"","value":
		{"todo":[{"_sync_id":"x"},{"_sync_id":"y"}],"locked":[{"_sync_id":"z"}]}}]}`).is(200)
	ann := s.by("ann", `{"rooms":[{"match":"*","read":true,"write":true}],"readOnly":[{"key":"default","path":"locked"}]}`)
	post := func(op string) answer {
		return ann.post(eight+"/ops", `{"clientId":"anns","key":"default","ops":[`+op+`]}`)
	}
	for _, op := range []string{
		`{"op":"array_move","path":"todo[y]","to":"locked"}`,
		`{"op":"array_move","path":"todo[y]","to":"locked[z].s"}`,
		`{"op":"array_move","path":"locked[z]","to":"todo"}`,
	} {
		faults(t, post(op).problem(403, problem.Forbidden), "/ops/0")
	}
	owner.post(eight+"/ops", `{"clientId":"o","key":"default","ops":[{"op":"array_move","path":"todo[x]","to":"locked"}]}`).is(200)
	document := func() string { return owner.get(eight + "/stores/default").is(200).body }
	before := document()
	for _, op := range []string{
		`{"op":"set","path":"todo[x].n","value":1}`, `{"op":"array_del","path":"todo[x]"}`,
		`{"op":"array_move","path":"todo[x]","to":"todo"}`, `{"op":"array_move","path":"todo[y]","to":"todo[x].s"}`,
	} {
		if got := post(op).is(200).body; !strings.Contains(got, `"reason":"item_deleted"`) {
			t.Errorf("%s: %s", op, got)
		}
	}
	if after := document(); after != before {
		t.Errorf("what is read-only was changed from\n%s to\n%s", before, after)
	}
}
