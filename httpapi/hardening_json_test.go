package httpapi_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/httpapi/problem"
)

// setting posts a batch that sets a member to a value, given as JSON text.
func (c client) setting(value string) answer {
	c.t.Helper()
	return c.ops("target", `{"op":"set","path":"x","value":`+value+`}`)
}

// refusesJSON expects that a value is refused as JSON at every place in both kinds of bodies.
func refusesJSON(t *testing.T, s *server, values ...string) {
	t.Helper()
	s.harmless(t, func() {
		for _, v := range values {
			s.setting(v).problem(400, problem.InvalidJSON)
			s.put("/v1/rooms/target/presence/ada", `{"meta":`+v+`}`).problem(400, problem.InvalidJSON)
		}
		s.get("/v1/rooms/target/presence").says(`{"room":"target","users":[]}`)
	})
}

func TestMalformedJSONIsRefused(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		for _, body := range []string{"", " ", "{", "x", `{"clientId":"ada"`, "clientId=ada", "<ops/>", "\x1f\x8b", "undefined", "'{}'"} {
			s.post("/v1/rooms/target/ops", body).problem(400, problem.InvalidJSON)
		}
	})
}

func TestTrailingGarbageIsRefused(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		batch := bodyOf(200)
		for _, tail := range []string{"x", "{}", ",", "]", "}", "\x00", "//", batch} {
			s.post("/v1/rooms/target/ops", batch+tail).problem(400, problem.InvalidJSON)
		}
	})
	s.post("/v1/rooms/target/ops", " \r\n\t"+bodyOf(200)+" \r\n\t").is(200) // white space is none
}

func TestByteOrderMarkIsRefused(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		s.post("/v1/rooms/target/ops", "\ufeff"+bodyOf(200)).problem(400, problem.InvalidJSON)
		s.post("/v1/rooms/target/ops", "\xff\xfe{\x00}\x00").problem(400, problem.InvalidJSON)
	})
}

func TestUnescapedNULIsRefused(t *testing.T) {
	refusesJSON(t, start(t), "\x00", "\"a\x00b\"", "[1,\x002]", "{\"a\x00\":1}")
}

func TestControlCharactersAndInvalidUTF8AreRefused(t *testing.T) {
	refusesJSON(t, start(t), "\"a\nb\"", "\"a\rb\"", "\"\x1b[31m\"", "\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\"", "{\"\xff\":1}")
}

func TestLoneSurrogatesAreRefused(t *testing.T) {
	refusesJSON(t, start(t), `"\ud83d"`, `"\udca9"`, `"\udca9\ud83d"`, `"\ud83dx"`, `"\ud83d\ud83d"`, `{"\ud83d":1}`, `["a",{"b":"\udfff"}]`)
}

func TestSurrogatePairIsOneCharacter(t *testing.T) {
	s := start(t)
	s.setting(`"\ud83d\udca9 \u0000 \u00e9"`).is(200)
	s.get("/v1/rooms/target/stores/default").is(200).
		says(`{"room":"target","key":"default","epoch":"history1","serverSeq":1,"state":{"x":"💩 \u0000 é"}}`)
}

func nested(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

func TestDepth64IsAcceptedAnd65Refused(t *testing.T) {
	s := start(t)
	s.setting(nested(64)).is(200)
	s.setting(strings.Repeat(`{"a":`, 63) + `[]` + strings.Repeat("}", 63)).is(200)
	s.put("/v1/rooms/target/presence/ada", `{"meta":`+nested(64)+`}`).is(200)
	s.delete("/v1/rooms/target/presence/ada").is(204)
	refusesJSON(t, s, nested(65), strings.Repeat(`{"a":`, 65)+`1`+strings.Repeat("}", 65), `[`+nested(64)+`]`)
}

func TestDepth10000TakesNoStack(t *testing.T) {
	s := start(t)
	flat(t, 32<<20, func() {
		refusesJSON(t, s, strings.Repeat("[", 10_001), strings.Repeat(`{"a":`, 3000))
		s.setting(nested(10_001)).problem(400, problem.InvalidJSON)
		s.setting(nested(500_000)).problem(400, problem.InvalidJSON)
	})
}

func TestDuplicateMembersAreRefused(t *testing.T) {
	s := start(t)
	refusesJSON(t, s, `{"a":1,"a":1}`, `{"a":1,"\u0061":2}`, `[{"b":{"":1,"":2}}]`)
	s.harmless(t, func() {
		for _, body := range []string{
			`{"clientId":"ada","clientId":"bob","key":"default","ops":[{"op":"set","path":"x","value":1}]}`,
			`{"clientId":"ada","key":"default","ops":[{"op":"set","path":"x","path":"y","value":1}]}`,
			`{"clientId":"ada","key":"default","ops":[{"op":"set","path":"x","value":1,"v\u0061lue":2}]}`,
		} {
			s.post("/v1/rooms/target/ops", body).problem(400, problem.InvalidJSON)
		}
	})
}

func TestNumbersBeyondADoubleAreRefused(t *testing.T) {
	refusesJSON(t, start(t), "1e999", "-1e999", "[1e309]", `{"a":1E400}`, "1"+strings.Repeat("0", 400))
}

func TestMalformedNumbersAreRefused(t *testing.T) {
	refusesJSON(t, start(t), "NaN", "Infinity", "-", "+1", ".5", "1.", "01", "0x10", "1e", "1e+", "--1", "1_000")
}

func TestNumbersKeepTheirText(t *testing.T) {
	const numbers = `[9007199254740993,-0,0.10,1e2,1E+2,1e-999,123456789012345678901234567890,-0.0e0,1.7976931348623157e308]`
	inBubble(t, func(_ *testing.T, s *server) {
		r := s.open("/v1/rooms/target/events").live()
		s.setting(numbers).is(200)
		r.wants(deltaEvent("target", 1, "x", numbers))
		s.get("/v1/rooms/target/stores/default").is(200).
			says(`{"room":"target","key":"default","epoch":"history1","serverSeq":1,"state":{"x":` + numbers + `}}`)
		user := `{"clientId":"ada","joinedAt":` + midnight + `,"meta":` + numbers + `,"leaseMs":15000}`
		s.put("/v1/rooms/target/presence/ada", `{"meta":`+numbers+`}`).is(200).says(user)
	})
}

// members returns an object of n members.
func members(n int) string {
	b := make([]byte, 0, n*12)
	for i := range n {
		b = append(b, `,"k`...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, `":0`...)
	}
	b[0] = '{'
	return string(append(b, '}'))
}

// A million names, and a million that differ only in their last characters: time and memory depend only on the text's size.
func TestObjectOfAMillionMembersIsDecodedQuickly(t *testing.T) {
	s := start(t, func(p *parts) { p.api.MaxBodyBytes, p.hub.MaxDocumentBytes = 32<<20, 32<<20 })
	s.harmless(t, func() {
		text := members(1_000_000)
		began := time.Now()
		s.post("/v1/rooms/big/ops", `{"clientId":"ada","key":"default","ops":[{"op":"set","path":"","value":`+text+`}]}`).is(200)
		s.ops("big", `{"op":"set","path":"k999999","value":1},{"op":"delete","path":"k500000"}`).is(200)
		if took := time.Since(began); took > s.patience {
			t.Errorf("it took %v", took)
		}
		if n := strings.Count(s.state("big"), ":0"); n != 999_998 {
			t.Errorf("%d members are as they were", n)
		}
	})
}

func TestHundredThousandOpsAreRefused(t *testing.T) {
	s := start(t, func(p *parts) { p.api.MaxBodyBytes = 32 << 20 })
	s.harmless(t, func() {
		ops := strings.Repeat(`{"op":"delete","path":"treasure"},`, 100_000)
		faults(t, s.ops("target", ops[:len(ops)-1]).problem(422, problem.InvalidRequest), "/ops")
		faults(t, s.ops("target", strings.Repeat("{},", 100_000)+"{}").problem(422, problem.InvalidRequest), "/ops")
		faults(t, s.ops("target", strings.Repeat(`{"op":"delete","path":"x"},`, 1000)+`{"op":"delete","path":"x"}`).
			problem(422, problem.InvalidRequest), "/ops")
	})
	s.ops("r", strings.Repeat(`{"op":"delete","path":"x"},`, 999)+`{"op":"delete","path":"x"}`).is(200)
}

// A response has only the first faults.
func TestListOfFaultsIsBounded(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		a := s.ops("target", strings.Repeat(`{"op":"`+strings.Repeat("x", 900)+`","path":"["},`, 999)+"1")
		if p := a.problem(422, problem.InvalidRequest); len(p.Errors) != 10 || len(a.body) > 4<<10 {
			t.Errorf("%d faults in %d bytes", len(p.Errors), len(a.body))
		}
		name := strings.Repeat("x", 100_000)
		if a := s.ops("target", `{"`+name+`":1}`); len(a.body) > 1<<10 {
			t.Errorf("a long name in %d bytes", len(a.body))
		}
	})
}

func TestProtoIsRefusedInValues(t *testing.T) {
	s := start(t)
	var deep []string
	for levels := range 60 {
		deep = append(deep, strings.Repeat(`{"a":[`, levels/2)+`{"__proto__":{"admin":true}}`+strings.Repeat(`]}`, levels/2))
	}
	refusesJSON(t, s, append(deep, `{"__proto__":1}`, `{"\u005f_proto__":1}`, `{"constructor":{"__proto__":null}}`)...)
	s.harmless(t, func() {
		s.post("/v1/rooms/target/ops", `{"__proto__":{"key":"default"},"clientId":"ada","ops":[]}`).problem(400, problem.InvalidJSON)
	})
	s.setting(`{"constructor":{"prototype":{"toString":1}},"__proto":1,"proto":"__proto__"}`).is(200) // ordinary members
}
