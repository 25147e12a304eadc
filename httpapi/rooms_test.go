package httpapi_test

import (
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi/problem"
)

func TestUnknownRoomIsEmpty(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.get("/v1/rooms/nobody").is(200).
			has("Content-Type", "application/json").has("Cache-Control", "no-cache").has("ETag", `"history1-0"`).
			says(`{"room":"nobody","epoch":"history1","serverSeq":0,"stores":{}}`)
		s.get("/v1/rooms/nobody/stores/default").problem(404, problem.StoreNotFound)
	})
}

func TestRoomHasTheServerSeqOfEachDocument(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for _, key := range []string{"b", "a", "b"} {
			s.post("/v1/rooms/r/ops", `{"clientId":"ada","key":"`+key+`","ops":[{"op":"set","path":"x","value":"é\u2028\u0001/\""}]}`).is(200)
		}
		const state = `{"x":"é` + "\u2028" + `\u0001/\""}`
		s.get("/v1/rooms/r").is(200).has("ETag", `"history1-3"`).
			says(`{"room":"r","epoch":"history1","serverSeq":3,"stores":{"a":{"serverSeq":2,"state":` + state +
				`},"b":{"serverSeq":3,"state":` + state + `}}}`)
		s.get("/v1/rooms/r/stores/a").is(200).
			has("ETag", `"history1-2"`).has("Cache-Control", "no-cache").has("Content-Type", "application/json").
			says(`{"room":"r","key":"a","epoch":"history1","serverSeq":2,"state":` + state + `}`)
	})
}

// A batch without effect advances the room and does not change the document's version.
func TestDiscardedBatchAdvancesTheRoomButNotTheDocument(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.set("r", "x", "1")
		s.ops("r", `{"op":"delete","path":"missing"}`).is(200)
		s.get("/v1/rooms/r").is(200).has("ETag", `"history1-2"`)
		s.get("/v1/rooms/r/stores/default").is(200).has("ETag", `"history1-1"`)
	})
}

func TestKnownVersionIsNotModified(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.set("r", "x", "1")
		for _, path := range []string{"/v1/rooms/r", "/v1/rooms/r/stores/default"} {
			for _, c := range []struct {
				ifNoneMatch string
				status      int
			}{
				{`"history1-1"`, 304},
				{`W/"history1-1"`, 304},
				{`"a", W/"b" ,"history1-1"`, 304},
				{`*`, 304},
				{`"history1-2"`, 200},
				{`"history2-1"`, 200},
				{`history1-1`, 200}, // not an entity tag
				{`"HISTORY1-1"`, 200},
				{``, 200},
			} {
				a := s.get(path, "If-None-Match", c.ifNoneMatch).is(c.status).has("ETag", `"history1-1"`)
				if c.status == 304 && a.body != "" {
					t.Errorf("304 has the body %q", a.body)
				}
			}
		}
		s.get("/v1/rooms/r/stores/missing", "If-None-Match", "*").problem(404, problem.StoreNotFound)
	})
}

func TestNamesInPathsArePercentDecoded(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		for encoded, name := range map[string]string{
			"a%2Fb":          "a/b",
			"%2F":            "/",
			"%2f%2F":         "//",
			"100%25":         "100%",
			"%2525":          "%25",
			"a%2Fb%25%C3%A9": "a/b%é",
			"caf%C3%A9":      "café",
			"a+b":            "a+b",
			"a%20b":          "a b",
			"...":            "...",
			"%3A%3F%23":      ":?#",
			"ops":            "ops",
			"%F0%9F%92%A9":   "💩",
			"a;b=c,d":        "a;b=c,d",
		} {
			s.set(encoded, "x", "1")
			s.get("/v1/rooms/" + encoded + "/stores/default").is(200).
				says(`{"room":"` + name + `","key":"default","epoch":"history1","serverSeq":1,"state":{"x":1}}`)
			s.post("/v1/rooms/keys/ops", `{"clientId":"ada","key":"`+name+`","ops":[{"op":"set","path":"x","value":"`+name+`"}]}`).is(200)
			if got := s.get("/v1/rooms/keys/stores/" + encoded).is(200).body; !strings.HasSuffix(got, `"state":{"x":"`+name+`"}}`) {
				t.Errorf("key %q: got %s", name, got)
			}
		}
	})
}
