package httpapi_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi/problem"
)

func TestBatchIsAnsweredWithServerSeqAndResults(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.post("/v1/rooms/r/ops", `{"clientId":"ada","clientSeq":7,"key":"todo","ops":[
			{"op":"set","path":"title","value":"Groceries"},
			{"op":"array_add","path":"items","value":{"_sync_id":"a"},"arrayIndex":9},
			{"op":"delete","path":"missing"}]}`).
			is(200).
			has("Content-Type", "application/json").
			has("Cache-Control", "no-store").
			says(`{"room":"r","key":"todo","epoch":"history1","serverSeq":1,"duplicate":false,"results":[` +
				`{"status":"applied"},{"status":"applied","arrayIndex":0},{"status":"discarded","reason":"not_found"}]}`)
		s.get("/v1/rooms/r").is(200).
			says(`{"room":"r","epoch":"history1","serverSeq":1,"stores":{` +
				`"todo":{"serverSeq":1,"state":{"title":"Groceries","items":[{"_sync_id":"a"}]}}}}`)
	})
}

func TestDiscardedOpHasAReasonAndChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.set("r", "", `{"list":[{"_sync_id":"a"}],"plain":[1,2],"text":"x"}`)
		before := s.get("/v1/rooms/r/stores/default").is(200).body
		for _, c := range []struct{ reason, op string }{
			{"item_deleted", `{"op":"set","path":"list[gone].done","value":true}`},
			{"item_deleted", `{"op":"array_del","path":"list[gone]"}`},
			{"item_deleted", `{"op":"array_move","path":"list[gone]","arrayIndex":0}`},
			{"type_mismatch", `{"op":"array_add","path":"text","value":{}}`},
			{"type_mismatch", `{"op":"array_add","path":"plain","value":{}}`},
			{"exists", `{"op":"init","path":"","value":{"other":1}}`},
			{"not_found", `{"op":"delete","path":"missing"}`},
			{"not_found", `{"op":"delete","path":"on.the.way"}`},
			{"too_large", `{"op":"set","path":"big","value":"` + strings.Repeat("x", 500) + `"}`},
		} {
			if got := s.ops("r", c.op).is(200).body; !strings.Contains(got, `"results":[{"status":"discarded","reason":"`+c.reason+`"}]`) {
				t.Errorf("%s: want %s, got %s", c.op, c.reason, got)
			}
		}
		s.get("/v1/rooms/r/stores/default").is(200).says(before)
	}, func(p *parts) { p.hub.MaxDocumentBytes = 400 })
}

func TestItemsAreAtTheAnsweredIndexes(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.ops("r", `{"op":"array_add","path":"l","value":{"_sync_id":"a"}},
			{"op":"array_add","path":"l","value":{"_sync_id":"b"},"arrayIndex":-5},
			{"op":"array_add","path":"l","value":{"_sync_id":"c"},"arrayIndex":99999999999},
			{"op":"array_move","path":"l[b]","arrayIndex":50},
			{"op":"array_del","path":"l[a]"}`).is(200).
			says(`{"room":"r","key":"default","epoch":"history1","serverSeq":1,"duplicate":false,"results":[` +
				`{"status":"applied","arrayIndex":0},{"status":"applied","arrayIndex":0},{"status":"applied","arrayIndex":2},` +
				`{"status":"applied","arrayIndex":2},{"status":"applied"}]}`)
		s.get("/v1/rooms/r/stores/default").is(200).
			says(`{"room":"r","key":"default","epoch":"history1","serverSeq":1,"state":{"l":[{"_sync_id":"c"},{"_sync_id":"b"}]}}`)
	})
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

func TestAssignedIDsAreInTheResponseTheStateAndTheDelta(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		r := s.open("/v1/rooms/r/events").live()
		a := s.ops("r", `{"op":"array_add","path":"l","value":{"n":[{"x":1}]}},{"op":"set","path":"y","value":2}`).is(200)
		ids := uuids.FindAllString(a.body, -1)
		if len(ids) != 2 || ids[0] == ids[1] {
			t.Fatalf("two objects are in arrays, and these ids were filled in: %q", ids)
		}
		item := `{"n":[{"x":1,"_sync_id":"` + ids[0] + `"}],"_sync_id":"` + ids[1] + `"}`
		ops := `[{"path":"l","op":"array_add","value":` + item + `,"arrayIndex":0},{"path":"y","op":"set","value":2}]`
		a.says(`{"room":"r","key":"default","epoch":"history1","serverSeq":1,"duplicate":false,"results":[` +
			`{"status":"applied","arrayIndex":0},{"status":"applied"}],"ops":` + ops + `}`)
		s.get("/v1/rooms/r/stores/default").
			says(`{"room":"r","key":"default","epoch":"history1","serverSeq":1,"state":{"l":[` + item + `],"y":2}}`)
		r.wants(event{"history1-1", "delta", `{"room":"r","key":"default","serverSeq":1,"clientId":"ada","serverTs":` +
			midnight + `,"ops":` + ops + `}`})
	})
}

func TestRepeatedBatchGetsTheFirstAnswerAndChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		batch := `{"clientId":"ada","clientSeq":0,"key":"k","ops":[
			{"op":"array_add","path":"l","value":{"x":1}},{"op":"delete","path":"missing"}]}`
		first := s.post("/v1/rooms/r/ops", batch).is(200)
		s.set("r", "between", "1")
		before := s.state("r")
		r := s.open("/v1/rooms/r/events").live()
		for range 3 {
			s.post("/v1/rooms/r/ops", batch).is(200).
				says(strings.Replace(first.body, `"duplicate":false`, `"duplicate":true`, 1))
		}
		if after := s.state("r"); after != before {
			t.Errorf("the repetition changed\n%s to\n%s", before, after)
		}
		s.set("r", "last", "1")
		if e := r.next(); e.id != "history1-3" {
			t.Errorf("readers got the repetition: %v", e)
		}
	})
}

func TestClientSeqIsPerClientAndRoom(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		send := func(room, clientID string) answer {
			return s.post("/v1/rooms/"+room+"/ops", `{"clientId":"`+clientID+`","clientSeq":1,"key":"k","ops":[{"op":"set","path":"x","value":1}]}`)
		}
		for _, c := range []struct{ room, clientID, want string }{
			{"r", "ada", `"serverSeq":1,"duplicate":false`},
			{"r", "bob", `"serverSeq":2,"duplicate":false`},
			{"other", "ada", `"serverSeq":1,"duplicate":false`},
			{"r", "ada", `"serverSeq":1,"duplicate":true`},
		} {
			if got := send(c.room, c.clientID).is(200).body; !strings.Contains(got, c.want) {
				t.Errorf("%s in %s: got %s, want %s", c.clientID, c.room, got, c.want)
			}
		}
	})
}

func TestBatchWithoutClientSeqIsNeverADuplicate(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.set("r", "x", "1")
		s.set("r", "x", "1")
		s.get("/v1/rooms/r").
			says(`{"room":"r","epoch":"history1","serverSeq":2,"stores":{"default":{"serverSeq":2,"state":{"x":1}}}}`)
	})
}

// Missing and unknown members of ops and of the envelope are reported with pointers.
func TestFaultsOfABatchAreReportedWithPointers(t *testing.T) {
	s := start(t)
	op := func(op string) string { return `{"clientId":"ada","key":"k","ops":[` + op + `]}` }
	for name, c := range map[string]struct {
		body     string
		pointers []string
	}{
		"not an object":           {`[]`, []string{""}},
		"nothing":                 {`{}`, []string{"/clientId", "/key", "/ops"}},
		"unknown member":          {`{"clientId":"ada","key":"k","ops":[{"op":"delete","path":"x"}],"userId":"root"}`, []string{""}},
		"clientId of a number":    {`{"clientId":1,"key":"k","ops":[{"op":"delete","path":"x"}]}`, []string{"/clientId"}},
		"no ops":                  {op(``), []string{"/ops"}},
		"ops of an object":        {`{"clientId":"ada","key":"k","ops":{}}`, []string{"/ops"}},
		"negative clientSeq":      {`{"clientId":"ada","clientSeq":-1,"key":"k","ops":[{"op":"delete","path":"x"}]}`, []string{"/clientSeq"}},
		"clientSeq of 2^53":       {`{"clientId":"ada","clientSeq":9007199254740992,"key":"k","ops":[{"op":"delete","path":"x"}]}`, []string{"/clientSeq"}},
		"clientSeq of 2^64":       {`{"clientId":"ada","clientSeq":18446744073709551616,"key":"k","ops":[{"op":"delete","path":"x"}]}`, []string{"/clientSeq"}},
		"fractional clientSeq":    {`{"clientId":"ada","clientSeq":1.5,"key":"k","ops":[{"op":"delete","path":"x"}]}`, []string{"/clientSeq"}},
		"previous without number": {`{"clientId":"ada","previousClientSeq":1,"key":"k","ops":[{"op":"delete","path":"x"}]}`, []string{"/previousClientSeq"}},
		"previous of itself":      {`{"clientId":"ada","clientSeq":1,"previousClientSeq":1,"key":"k","ops":[{"op":"delete","path":"x"}]}`, []string{"/previousClientSeq"}},
		"previous of null":        {`{"clientId":"ada","clientSeq":1,"previousClientSeq":null,"key":"k","ops":[{"op":"delete","path":"x"}]}`, []string{"/previousClientSeq"}},
		"negative previous":       {`{"clientId":"ada","clientSeq":1,"previousClientSeq":-1,"key":"k","ops":[{"op":"delete","path":"x"}]}`, []string{"/previousClientSeq"}},
		"clientSeq of null":       {`{"clientId":"ada","clientSeq":null,"key":"k","ops":[{"op":"delete","path":"x"}]}`, []string{"/clientSeq"}},
		"op that is no object":    {op(`1`), []string{"/ops/0"}},
		"unknown op":              {op(`{"op":"merge","path":"x"}`), []string{"/ops/0"}},
		"op without a path":       {op(`{"op":"delete"}`), []string{"/ops/0/path"}},
		"op without a kind":       {op(`{"path":"x"}`), []string{"/ops/0"}},
		"unknown member of op":    {op(`{"op":"delete","path":"x","from":"y"}`), []string{"/ops/0"}},
		"set without value":       {op(`{"op":"set","path":"x"}`), []string{"/ops/0"}},
		"delete with value":       {op(`{"op":"delete","path":"x","value":1}`), []string{"/ops/0"}},
		"delete of an item":       {op(`{"op":"delete","path":"x[a]"}`), []string{"/ops/0"}},
		"array_del of a member":   {op(`{"op":"array_del","path":"x"}`), []string{"/ops/0"}},
		"item of a scalar":        {op(`{"op":"array_add","path":"x","value":1}`), []string{"/ops/0"}},
		"move to nowhere":         {op(`{"op":"array_move","path":"x[a]"}`), []string{"/ops/0"}},
		"index of a text":         {op(`{"op":"array_move","path":"x[a]","arrayIndex":"0"}`), []string{"/ops/0/arrayIndex"}},
		"set with an index":       {op(`{"op":"set","path":"x","value":1,"arrayIndex":0}`), []string{"/ops/0"}},
		"index and anchor":        {op(`{"op":"array_move","path":"x[a]","arrayIndex":0,"after":"b"}`), []string{"/ops/0"}},
		"add to two places":       {op(`{"op":"array_add","path":"x","value":{},"arrayIndex":0,"after":null}`), []string{"/ops/0"}},
		"set with an anchor":      {op(`{"op":"set","path":"x","value":1,"after":"b"}`), []string{"/ops/0"}},
		"set with null for one":   {op(`{"op":"set","path":"x","value":1,"after":null}`), []string{"/ops/0"}},
		"anchor of a number":      {op(`{"op":"array_move","path":"x[a]","after":1}`), []string{"/ops/0/after"}},
		"empty anchor":            {op(`{"op":"array_move","path":"x[a]","after":""}`), []string{"/ops/0/after"}},
		"no anchors":              {op(`{"op":"array_move","path":"x[a]","after":[]}`), []string{"/ops/0/after"}},
		"nine anchors":            {op(`{"op":"array_move","path":"x[a]","after":["1","2","3","4","5","6","7","8","9"]}`), []string{"/ops/0/after"}},
		"anchor that is a list":   {op(`{"op":"array_move","path":"x[a]","after":["b",["c"],""]}`), []string{"/ops/0/after/1", "/ops/0/after/2"}},
		"set to another array":    {op(`{"op":"set","path":"x[a]","value":{},"to":"y"}`), []string{"/ops/0"}},
		"add to another array":    {op(`{"op":"array_add","path":"x","value":{},"to":""}`), []string{"/ops/0"}},
		"to of no path":           {op(`{"op":"array_move","path":"x[a]","to":"y["}`), []string{"/ops/0/to"}},
		"to of null":              {op(`{"op":"array_move","path":"x[a]","to":null}`), []string{"/ops/0/to"}},
		"to the id of an item":    {op(`{"op":"array_move","path":"x[a]","to":"y[b]._sync_id.z"}`), []string{"/ops/0"}},
		"move with a value":       {op(`{"op":"array_move","path":"x[a]","to":"y","value":"z"}`), []string{"/ops/0"}},
		"init of a part":          {op(`{"op":"init","path":"x","value":1}`), []string{"/ops/0"}},
		"id of an item":           {op(`{"op":"set","path":"x[a]._sync_id","value":"b"}`), []string{"/ops/0"}},
		"faults in many ops":      {op(`{"op":"delete","path":"x"},{"op":"delete","path":"]"},{"op":"nothing","path":"x"}`), []string{"/ops/1/path", "/ops/2"}},
	} {
		t.Run(name, func(t *testing.T) {
			faults(t, s.on(t).post("/v1/rooms/r/ops", c.body).problem(422, problem.InvalidRequest), c.pointers...)
		})
	}
	s.get("/v1/rooms/r").says(`{"room":"r","epoch":"history1","serverSeq":0,"stores":{}}`)
}

func TestChunkedBatchIsAccepted(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		body := io.MultiReader(strings.NewReader(`{"clientId":"ada","key":"k",`), strings.NewReader(`"ops":[{"op":"set","path":"x","value":1}]}`))
		s.send(http.MethodPost, "/v1/rooms/r/ops", body, "Content-Type", "application/json; charset=utf-8").is(200)
		s.send(http.MethodPost, "/v1/rooms/r/ops", strings.NewReader(`{"clientId":"ada","key":"k","ops":[{"op":"delete","path":"x"}]}`),
			"Content-Encoding", "identity").is(200)
	})
}

// Objects in arrays get ids of 50 bytes each. The ids count as parts of the body, so they cannot make the response or the
// log larger than a body.
func TestBatchThatIsTooLargeWithAssignedIDsIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		const empty = `{"clientId":"ada","key":"k","ops":[%s]}`
		array := func(items int) string { return `[` + strings.Repeat(`{},`, items-1) + `{}]` }
		nested := strings.Repeat(`[{"a":`, 15) + `[{}]` + strings.Repeat(`}]`, 15)
		for what, op := range map[string]string{
			"one array":            `{"op":"set","path":"x","value":` + array(22_000) + `}`,
			"several operations":   strings.Repeat(`{"op":"set","path":"x","value":`+array(600)+`},`, 39) + `{"op":"set","path":"x","value":` + array(600) + `}`,
			"init":                 `{"op":"init","path":"","value":` + array(22_000) + `}`,
			"items in items":       `{"op":"array_add","path":"l","value":{"n":` + array(22_000) + `}}`,
			"an id that is wrong":  `{"op":"set","path":"x","value":[` + strings.Repeat(`{"_sync_id":1},`, 30_000) + `{}]}`,
			"an id that is twice":  `{"op":"set","path":"x","value":[` + strings.Repeat(`{"_sync_id":"a"},`, 30_000) + `{}]}`,
			"arrays within arrays": `{"op":"set","path":"x","value":[` + strings.Repeat(nested+`,`, 1500) + nested + `]}`,
			"adding many":          strings.Repeat(`{"op":"array_add","path":"l","value":{"n":`+array(30)+`}},`, 799) + `{"op":"array_add","path":"l","value":{}}`,
		} {
			body := strings.Replace(empty, "%s", op, 1)
			if len(body) >= 1<<20 {
				t.Fatalf("%s: the body alone has %d bytes", what, len(body))
			}
			if p := s.post("/v1/rooms/r/ops", body).problem(413, problem.BodyTooLarge); p.Retryable {
				t.Errorf("%s: %+v", what, p)
			}
		}
		s.get("/v1/rooms/r").says(`{"room":"r","epoch":"history1","serverSeq":0,"stores":{}}`)
		a := s.ops("r", `{"op":"set","path":"x","value":`+array(15_000)+`}`).is(200)
		if len(a.body) > 1<<20 {
			t.Errorf("the answer has %d bytes", len(a.body))
		}
	})
}

func TestResponseHasNoDiscardedValues(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		batch := `{"clientId":"ada","clientSeq":1,"key":"k","ops":[{"op":"array_add","path":"l","value":{"x":1}},` +
			`{"op":"set","path":"big","value":[{"text":"` + strings.Repeat("x", 500) + `"}]}]}`
		first := s.post("/v1/rooms/r/ops", batch).is(200)
		if !strings.Contains(first.body, `"ops":[`) || !strings.Contains(first.body, `{"path":"big","op":"set"}]`) || strings.Contains(first.body, "xxx") {
			t.Errorf("got %s", first.body)
		}
		s.post("/v1/rooms/r/ops", batch).is(200).says(strings.Replace(first.body, `"duplicate":false`, `"duplicate":true`, 1))
	}, func(p *parts) { p.hub.MaxDocumentBytes = 400 })
}
