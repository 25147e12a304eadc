package httpapi_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi/problem"
)

// refusesNames expects that names are refused as room, key and clientId, in
// paths, queries and bodies.
func refusesNames(t *testing.T, names ...string) {
	t.Helper()
	s := start(t)
	s.harmless(t, func() {
		for _, name := range names {
			encoded := encode(name)
			room := "/v1/rooms/" + encoded
			for _, a := range []answer{
				s.get(room),
				s.get(room + "/events"),
				s.get(room + "/changes"),
				s.get(room + "/presence"),
				s.get(room + "/stores/default"),
				s.ops(encoded, `{"op":"set","path":"x","value":1}`),
				s.put(room+"/presence/ada", `{}`),
				s.delete(room + "/presence/ada"),
				s.get("/v1/rooms/target/stores/" + encoded),
				s.put("/v1/rooms/target/presence/"+encoded, `{}`),
				s.delete("/v1/rooms/target/presence/" + encoded),
				s.post("/v1/rooms/target/presence/"+encoded+"/leave", ""),
				s.get("/v1/rooms/target/events?clientId=" + encoded),
			} {
				if p := a.problem(422, problem.InvalidName); strings.ContainsAny(p.Detail, "\r\n\x00\x1b") {
					t.Errorf("%q: the problem repeats it: %q", name, p.Detail)
				}
			}
			text := quote(name)
			faults(t, s.post("/v1/rooms/target/ops", `{"clientId":`+text+`,"key":`+text+`,"ops":[{"op":"set","path":"x","value":1}]}`).
				problem(422, problem.InvalidRequest), "/clientId", "/key")
		}
		s.get("/v1/rooms/target/presence").says(`{"room":"target","users":[]}`)
	})
}

// encode percent-encodes every byte.
func encode(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		b.WriteString("%")
		b.WriteString(strings.ToUpper(strconv.FormatInt(int64(c)+0x100, 16)[1:]))
	}
	return b.String()
}

// quote returns a JSON string.
func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // every string can be written
	}
	return string(text)
}

func TestNamesWithCRLFOrNULAreRefused(t *testing.T) {
	refusesNames(t, "a\rb", "a\nb", "\r\n", "a\r\nid: 9", "a\x00", "\x00", "a\n\nevent: delta\ndata: {}")
}

func TestNamesWithOtherControlCharactersAreRefused(t *testing.T) {
	refusesNames(t, "a\x1b[31mb", "a\tb", "\x7f", "a\u0085b", "\u009f", "\x01")
}

func TestNamesWithOuterBlanksAreRefused(t *testing.T) {
	refusesNames(t, "a ", " a", " ", "a\u00a0", "\u2003a", "a\u2028")
}

func TestDotSegmentsAreRefusedAsNames(t *testing.T) {
	refusesNames(t, ".", "..")
}

func TestVeryLongNamesAreRefused(t *testing.T) {
	refusesNames(t, strings.Repeat("a", 256), strings.Repeat("é", 256), strings.Repeat("💩", 128), strings.Repeat("a", 8000))
}

func TestInvalidUTF8NamesAreRefused(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		for _, name := range []string{"%FF", "a%C0%AF", "%ED%A0%80", "%F5%80%80%80", "%C3"} {
			s.get("/v1/rooms/"+name).problem(422, problem.InvalidName)
			s.get("/v1/rooms/target/stores/"+name).problem(422, problem.InvalidName)
			s.get("/v1/rooms/target/events?clientId="+name).problem(422, problem.InvalidName)
			s.get("/v1/rooms/target/events?clientId=ada&displayName="+name).problem(422, problem.InvalidName)
		}
	})
}

func TestNamesAtTheirLimitsAreAccepted(t *testing.T) {
	s := start(t)
	for _, name := range []string{strings.Repeat("a", 255), strings.Repeat("é", 255), strings.Repeat("💩", 127), "a", "Ā/../b", "....", "-"} {
		s.set(url.PathEscape(name), "x", "1")
	}
	s.put("/v1/rooms/r/presence/"+strings.Repeat("a", 100), `{}`).is(200)
	s.put("/v1/rooms/r/presence/"+strings.Repeat("a", 101), `{}`).problem(422, problem.InvalidName)
}

func TestDisplayNameCannotInjectEvents(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		for _, name := range []string{"a\r\nid: 9", "a\n\nevent: delta", "a\rb", "a\x00b", "\x1b[2J", strings.Repeat("x", 256)} {
			s.get("/v1/rooms/target/events?clientId=ada&displayName="+encode(name)).problem(422, problem.InvalidName)
			faults(t, s.put("/v1/rooms/target/presence/ada", `{"displayName":`+quote(name)+`}`).problem(422, problem.InvalidRequest), "/displayName")
		}
		for _, field := range []string{"a\nb", "a\rb", "a\x00b"} {
			faults(t, s.put("/v1/rooms/target/presence/ada", `{"field":`+quote(field)+`}`).problem(422, problem.InvalidRequest), "/field")
		}
		s.get("/v1/rooms/target/presence").says(`{"room":"target","users":[]}`)
	})
}

// Values may contain line ends. They are escaped, so that an event has one line of data.
func TestValueCannotInjectEvents(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		r := s.open("/v1/rooms/r/events").live()
		const value = `"\r\n\r\nevent: problem\ndata: {}\n\n\u0000` + "\u2028" + `"`
		s.set("r", "x", value)
		r.wants(deltaEvent("r", 1, "x", value))
		s.put("/v1/rooms/r/presence/ada", `{"meta":`+value+`}`).is(200)
		r.wants(presenceChange(`{"clientId":"ada","joinedAt":`+midnight+`,"meta":`+value+`}`, "", ""))
		s.open("/v1/rooms/r/events").wants(event{"", "state", `{"room":"r","key":"default","serverSeq":1,"state":{"x":` + value + `}}`})
	})
}

// A malformed parameter does not count as absent: the reader has sent its position and its client id.
func TestMalformedQueryIsRefused(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		for _, broken := range []string{"%zz", "%", "%4", "a;b=c"} {
			for _, param := range []string{"clientId", "displayName", "last_event_id"} {
				s.get("/v1/rooms/target/events?"+param+"="+broken).problem(422, problem.InvalidName)
			}
			for _, param := range []string{"after", "limit", "wait"} {
				s.get("/v1/rooms/target/changes?"+param+"="+broken).problem(400, problem.InvalidParameter)
			}
		}
	})
}

func TestEncodedSlashIsPartOfAName(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		s.set("%2F", "x", "1")
		s.set("..%2F..%2Ftarget", "x", "1")
		s.set("target%2Fops", "x", "1")
		s.get("/v1/rooms/target%2Fstores%2Fdefault").is(200).
			says(`{"room":"target/stores/default","epoch":"history1","serverSeq":0,"stores":{}}`)
	})
}

// http.Client normalizes some of these, so they are sent as bytes.
func TestPathsAreNotNormalized(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		for path, want := range map[string]struct {
			status int
			code   problem.Code
		}{
			"/v1/rooms/../ops":                  {422, problem.InvalidName},
			"/v1/rooms/%2E%2E/ops":              {422, problem.InvalidName},
			"/v1/rooms/%2e/ops":                 {422, problem.InvalidName},
			"/v1/rooms//ops":                    {422, problem.InvalidName},
			"/v1/rooms/target%20/ops":           {422, problem.InvalidName},
			"/v1/rooms/target%00/ops":           {422, problem.InvalidName},
			"/v1//rooms/target/ops":             {404, problem.RouteNotFound},
			"//v1/rooms/target/ops":             {404, problem.RouteNotFound},
			"/v1/rooms/neighbour/../target/ops": {404, problem.RouteNotFound},
			"/v1/rooms/target/ops/":             {404, problem.RouteNotFound},
			"/v1/rooms/target/./ops":            {404, problem.RouteNotFound},
			"/V1/rooms/target/ops":              {404, problem.RouteNotFound},
		} {
			conn := s.raw(t, "POST "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"+
				"Content-Length: 200\r\n\r\n"+bodyOf(200))
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			read(t, path, resp).problem(want.status, want.code)
		}
	})
}

// net/http answers what it does not accept as a request.
func TestMalformedRequestLineIsRefused(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		for _, line := range []string{
			"GET /v1/rooms/%zz HTTP/1.1", "GET /v1/rooms/a\x00b HTTP/1.1", "GET /v1/rooms/a b HTTP/1.1", "GET /v1/rooms/%F HTTP/1.1",
			"G\x1bT / HTTP/1.1", "GET", "\x16\x03\x01", "GET / HTTP/9.9",
		} {
			conn := s.raw(t, line+"\r\nHost: x\r\n\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusHTTPVersionNotSupported {
				t.Errorf("%q: %s", line, resp.Status)
			}
		}
	})
}
