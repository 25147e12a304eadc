package httpapi_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi/problem"
)

// refusesPath expects that every kind of op refuses a path, with the pointer of the path.
func refusesPath(t *testing.T, paths ...string) {
	t.Helper()
	s := start(t)
	s.harmless(t, func() {
		for _, path := range paths {
			for _, op := range []string{
				`{"op":"set","path":` + path + `,"value":1}`,
				`{"op":"delete","path":` + path + `}`,
				`{"op":"array_add","path":` + path + `,"value":{}}`,
				`{"op":"array_del","path":` + path + `}`,
				`{"op":"array_move","path":` + path + `,"arrayIndex":0}`,
			} {
				// The valid op before it has no effect either: a batch is accepted as a whole or refused.
				faults(t, s.ops("target", `{"op":"delete","path":"treasure"},`+op).problem(422, problem.InvalidRequest), "/ops/1/path")
			}
		}
	})
}

func TestPathsWithEmptyKeysAreRefused(t *testing.T) {
	refusesPath(t, `"a..b"`, `"."`, `".."`, `".a"`, `"a."`, `"a[x]."`, `"a.[x]"`)
}

func TestPathsWithMisplacedBracketsAreRefused(t *testing.T) {
	refusesPath(t, `"["`, `"]"`, `"[]"`, `"[]["`, `"][ "`, `"a[x"`, `"a]"`, `"a[[x]]"`, `"a[x]b"`, `"a[x]]"`, `"[x][]"`)
}

func TestPathsWithStrayEscapesAreRefused(t *testing.T) {
	refusesPath(t, `"a\\"`, `"a\\b"`, `"a[x\\"`, `"\\\\\\"`, `"\\n"`)
}

func TestPathsWithNULAreRefused(t *testing.T) {
	refusesPath(t, `"\u0000"`, `"a.\u0000"`, `"a[\u0000]"`, `"a\u0000b"`)
}

func TestPathsWithProtoAreRefused(t *testing.T) {
	refusesPath(t, `"__proto__"`, `"__proto__.admin"`, `"a.__proto__"`, `"a[x].__proto__.b"`, `"\u005f_proto__"`)
}

func TestPathsOfTenThousandSegmentsAreRefused(t *testing.T) {
	refusesPath(t,
		strconv.Quote(strings.Repeat("a.", 10_000)+"a"),
		strconv.Quote(strings.Repeat("[a]", 10_000)),
		strconv.Quote(strings.Repeat("a.", 64)+"a"),
		strconv.Quote(strings.Repeat("a", 1001)),
		strconv.Quote(strings.Repeat("é", 1001)),
		strconv.Quote(strings.Repeat("a", 100_000)))
}

func TestPathsThatAreNotStringsAreRefused(t *testing.T) {
	refusesPath(t, `1`, `null`, `[]`, `{}`, `["a","b"]`, `true`)
}

// The longest paths, and harmless names that look like prototypes.
func TestPathsAtTheirLimitsAreAccepted(t *testing.T) {
	s := start(t)
	for _, path := range []string{
		strings.Repeat("a.", 60) + "a",
		strings.Repeat("é", 1000),
		"constructor.prototype.x", "__proto", "proto.__defineGetter__", "a b", "\n", "$where", "'; DROP TABLE sync_change_log; --",
	} {
		s.ops("r", `{"op":"set","path":`+strconv.Quote(path)+`,"value":1}`).is(200)
	}
}

// An id is data: this names an item that does not exist, and not a prototype.
func TestAnyNameIsAcceptedAsItemID(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		s.ops("ids", `{"op":"array_add","path":"l","value":{"_sync_id":"__proto__"}},{"op":"set","path":"l[__proto__].x","value":1}`).is(200)
		s.get("/v1/rooms/ids/stores/default").
			says(`{"room":"ids","key":"default","epoch":"history1","serverSeq":1,"state":{"l":[{"_sync_id":"__proto__","x":1}]}}`)
	})
}
