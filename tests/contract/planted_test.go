package contract

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/pb33f/jsonschema/v6"
)

// plantedErrors are deliberate errors in the contract, one at a time, each with the check that must find it.
var plantedErrors = []struct {
	name  string
	found string // the name of the check
	plant func(d plantedDocument)
}{
	{"a member of delta is not described", "streams are as described",
		remove("components", "schemas", "DeltaEvent", "properties", "userId")},
	{"a member of presence-change is not described", "streams are as described",
		remove("components", "schemas", "PresenceChangeEvent", "properties", "version")},
	{"a member of up-to-date is not described", "streams are as described",
		remove("components", "schemas", "UpToDateEvent", "properties", "readOnly")},
	{"a member of a problem is not described", "streams are as described",
		remove("components", "schemas", "Problem", "properties", "rooms")},
	{"a member of a response is not described", "responses are as described",
		remove("components", "schemas", "BatchResult", "properties", "ops")},
	{"a member of a list is not described", "streams are as described",
		remove("components", "schemas", "User", "properties", "field")},
	{"a required member that is not always sent", "responses are as described",
		add([]string{"components", "schemas", "OperationResult", "required"}, "arrayIndex")},
	{"a member of a request is not described", "responses are as described",
		remove("components", "schemas", "Batch", "properties", "previousClientSeq")},
	{"a value is not described", "responses are as described",
		drop([]string{"components", "schemas", "DiscardReason", "enum"}, "exists")},
	{"a member that is never sent", "the described members and values occur",
		set([]string{"components", "schemas", "DeltaEvent", "properties", "color"}, map[string]any{"type": "string"})},
	{"a value that is never sent", "the described members and values occur",
		add([]string{"components", "schemas", "DiscardReason", "enum"}, "locked")},

	{"a response is not described", "the described responses are sent",
		remove("paths", "/v1/rooms/{room}/stores/{key}", "get", "responses", "404")},
	{"a response that is never sent", "the described responses are sent",
		set([]string{"paths", "/healthz", "get", "responses", "429"}, map[string]any{"$ref": "#/components/responses/TooManyRequests"})},
	{"a code is not described", "the described responses are sent",
		drop([]string{"components", "responses", "Unavailable", "content", "application/problem+json", "x-problem-codes"}, "room_unavailable")},
	{"a code is not described, seen by the public validator", "a public validator accepts the traffic",
		drop([]string{"components", "responses", "Unavailable", "content", "application/problem+json", "x-problem-codes"}, "room_unavailable")},
	{"a code that is never sent", "the described responses are sent",
		add([]string{"components", "responses", "NotReady", "content", "application/problem+json", "x-problem-codes"}, "overloaded")},
	{"an operation without its errors for other hosts", "the described responses are sent",
		remove("paths", "/v1/probe", "get", "responses", "403")},
	{"a path that the server does not have", "the described responses are sent",
		set([]string{"paths", "/v2"}, map[string]any{"get": map[string]any{"responses": map[string]any{"200": map[string]any{"description": "x"}}}})},
	{"an operation that is not described", "other requests are answered with problems",
		remove("paths", "/v1/rooms/{room}/presence/{clientId}", "delete")},

	{"a header that is never sent", "the described headers are sent",
		set([]string{"components", "responses", "NotYet", "headers", "X-Color"}, map[string]any{"required": false, "schema": map[string]any{"type": "string"}})},
	{"a header is not described", "responses are as described",
		remove("components", "responses", "RequestTimeout", "headers", "Retry-After")},
	{"a value of a header is not described", "responses are as described",
		replaceIn([]string{"components", "headers", "CurrentOrImmutable"}, "private, max-age=31536000, immutable", "private")},
	{"a value of a header that is never sent", "the described headers are sent",
		replaceIn([]string{"components", "headers", "Briefly"}, "public, max-age=5", "public, max-age=6")},

	{"a parameter that the server does not have", "the described parameters are accepted",
		add([]string{"paths", "/v1/rooms/{room}", "get", "parameters"}, map[string]any{"name": "color", "in": "query", "schema": map[string]any{"type": "string"}, "example": "red"})},
	{"a parameter is not described", "a public validator accepts the traffic",
		func(d plantedDocument) {
			list := d.at("paths", "/v1/rooms/{room}/changes", "get")
			list["parameters"] = slices.DeleteFunc(sliceOf(list["parameters"]), func(p any) bool { return p.(map[string]any)["name"] == "until" })
		}},
	{"another default", "defaults are those of the server",
		replaceIn([]string{"paths", "/v1/rooms/{room}/changes", "get", "parameters"}, `"default":100`, `"default":50`)},

	{"an event in the table that never occurs", "the described events are sent",
		replace("\n| `reconnect` | `ReconnectEvent` | no |", "\n| `ping` | `ReconnectEvent` | no | never |\n| `reconnect` | `ReconnectEvent` | no |")},
	{"an event is not in the table", "streams are as described", replace("\n| `probe` | `ProbeEvent` |", "\n| `tick` | `ProbeEvent` |")},
	{"another schema of an event", "streams are as described", replace("| `up-to-date` | `UpToDateEvent` |", "| `up-to-date` | `DeltaEvent` |")},
	{"an id that an event does not have", "streams are as described", replace("| `state` | `StateEvent` | no |", "| `state` | `StateEvent` | yes |")},
	{"an event without the id that it has", "streams are as described", replace("| `delta` | `DeltaEvent` | yes |", "| `delta` | `DeltaEvent` | no |")},
	{"an event that the schema of streams does not have", "streams are as described",
		replaceIn([]string{"components", "schemas", "StreamEvent"}, "StreamedReconnect", "StreamedDelta")},
	{"other positions", "streams are as described",
		set([]string{"components", "schemas", "EventId", "pattern"}, "^[0-9]+$")},
	{"a low range of retry", "streams are as described", replace("1000–3000 ms", "100–300 ms")},
	{"a wide range of retry", "streams are as described", replace("1000–3000 ms", "500–9000 ms")},
	{"no range of retry", "streams are as described", replace("1000–3000 ms", "some ms")},
	{"another time of keep-alive", "figures are those of the server", replace("After 15 s", "After 5 s")},
	{"another lease", "figures are those of the server", replace("for a lease of 15 s", "for a lease of 30 s")},
	{"another limit of a body", "figures are those of the server", replace("The batch, at most 1 MiB", "The batch, at most 2 MiB")},

	{"another status of a code", "problem codes are those of the server", replace("| `not_yet` | 404 |", "| `not_yet` | 409 |")},
	{"another status of a code, seen in responses", "responses are as described", replace("| `not_yet` | 404 |", "| `not_yet` | 409 |")},
	{"another retryable of a code", "problem codes are those of the server", replace("| `not_yet` | 404 | yes |", "| `not_yet` | 404 | no |")},
	{"a code that the server does not have", "problem codes are those of the server",
		add([]string{"components", "schemas", "ProblemCode", "enum"}, "locked")},
	{"a code that is not explained", "problem codes are those of the server", replace("\n| `rejected` | 422 | no |", "\n| rejected | 422 | no |")},
	{"a code of streams that responses have", "the described events are sent",
		replace("| `not_yet` | 404 | yes | the room", "| `not_yet` | 404 | yes | only on a stream: the room")},

	{"an example of a problem with another title", "examples are valid",
		set([]string{"components", "responses", "NotYet", "content", "application/problem+json", "example", "title"}, "Later")},
	{"an example of a problem with another retryable", "examples are valid",
		set([]string{"components", "responses", "TooManyRequests", "content", "application/problem+json", "example", "retryable"}, false)},
	{"an example of a problem with a code of another response", "examples are valid",
		replaceIn([]string{"components", "responses", "NotYet", "content", "application/problem+json", "example"}, "not_yet", "store_not_found")},
	{"an example of an event that is not valid", "examples are valid",
		replaceIn([]string{"components", "schemas", "StreamEvent", "examples"}, `"serverSeq":13`, `"serverSeq":"13"`)},
	{"an example with a member that is not described", "examples are valid",
		replaceIn([]string{"components", "schemas", "User", "examples"}, `"field"`, `"feild"`)},
	{"an example of a parameter that is not valid", "examples are valid",
		replaceIn([]string{"paths", "/v1/rooms/{room}/changes", "get", "parameters"}, `"example":"k3v9x2qa-12"`, `"example":"12"`)},
	{"a message without an example", "operations are described", remove("components", "schemas", "Epoch", "examples")},
	{"an operation without a summary", "operations are described", remove("paths", "/docs", "get", "summary")},
	{"two operations with one name", "operations are described", set([]string{"paths", "/docs", "get", "operationId"}, "getHealth")},

	{"a sample of a stream that is not valid", "samples are valid", replace(`data: {"room":"board-7","epoch":"k3v9x2qa","serverSeq":12}`, `data: {"room":"board-7","epoch":"k3v9x2qa"}`)},
	{"a sample of a stream with an unknown field", "samples are valid", replace("retry: 2204", "retries: 2204")},
	{"a sample of a request with an unknown operation", "samples are valid", replace(`"op": "set", "value": true}`, `"op": "put", "value": true}`)},
	{"a sample of a request with an unknown path", "samples are valid", replace("curl http://127.0.0.1:8080/v1/rooms/board-7/stores/default", "curl http://127.0.0.1:8080/v1/rooms/board-7/documents/default")},
	{"a sample of a request with an unknown parameter", "samples are valid", replace("changes?limit=100", "changes?count=100")},
	{"a sample of a request with an invalid parameter", "samples are valid", replace("changes?limit=100", "changes?limit=5000")},
	{"a sample of claims that is not JSON", "samples are valid", replace(`"pathsync": {`, `"pathsync": [`)},

	{"another limit of rooms", "figures are those of the server", replace("for up to 32 rooms", "for up to 64 rooms")},
	{"another rate", "figures are those of the server", replace("10000 of one address", "5000 of one address")},
	{"another status of a long token", "figures are those of the server", replace("longer token is answered with 401", "longer token is answered with 413")},
	{"a figure that the server does not have", "figures are those of the server", replace("Comments have no meaning", "Comments come every 5 s")},
	{"another version", "figures are those of the server", set([]string{"info", "version"}, "0.2.0")},

	{"another status beside a code", "statuses in descriptions are those of the responses", replace("After 410 `position_gone`", "After 404 `position_gone`")},
	{"a status that the operation does not have", "statuses in descriptions are those of the responses", replace("of another user is answered with 403", "of another user is answered with 409")},
	{"a status that is not in the table of the outbox", "statuses in descriptions are those of the responses", replace("| 408, 429, 503 |", "| 429, 503 |")},
	{"a code that the description of a response lacks", "statuses in descriptions are those of the responses", replace("(`rejected`)", "(no code)")},
	{"a code that only the description of a response has", "statuses in descriptions are those of the responses", replace("budget is full (`overloaded`)", "budget is full (`rate_limited`)")},

	{"a status of the wrong row", "statuses in descriptions are those of the responses", replace("| was refused with 429 or 503 |", "| was refused with 429 or 500 |")},
	{"a code of the wrong row", "statuses in descriptions are those of the responses",
		replace("with `retryable: false` | not by itself: `stream_replaced`", "with `retryable: true` | not by itself: `stream_replaced`")},
	{"another cookie", "the parts of the contract agree", set([]string{"components", "securitySchemes", "cookieAuth", "in"}, "header")},
	{"another limit of positions", "limits of responses are those of the server", set([]string{"components", "schemas", "EventIdOfRooms", "maxLength"}, json.Number("600"))},
	{"another rule of keys", "limits of responses are those of the server",
		replaceIn([]string{"components", "schemas", "Room", "properties", "stores", "x-rule"}, "StoreKey", "ClientId")},

	{"a code that does not exist", "names in descriptions exist", replace("`client_seq_passed`: none of", "`client_seq_late`: none of")},
	{"a schema that does not exist", "names in descriptions exist", replace("As in `PresenceEvent`", "As in `PresentEvent`")},
	{"a flag that does not exist", "names in descriptions exist", replace("--presence-timeout-ms", "--presence-lease-ms")},
	{"a page that does not exist", "names in descriptions exist", replace("/caching.md`", "/caches.md`")},
	{"an operation that does not exist", "names in descriptions exist", replace("`GET /v1/rooms/{room}/events`", "`GET /v1/rooms/{room}/stream`")},
	{"a heading that does not exist", "names in descriptions exist", replace("*Position and restart*", "*Position and resume*")},
	{"a link to a path that does not exist", "names in descriptions exist", replace("](/path-operations.md)", "](/operations.md)")},

	{"a discriminator that lacks an event", "the parts of the contract agree",
		remove("components", "schemas", "StreamEvent", "discriminator", "mapping", "reconnect")},
	{"a discriminator with another schema", "the parts of the contract agree",
		set([]string{"components", "schemas", "Operation", "discriminator", "mapping", "set"}, "#/components/schemas/DeleteOperation")},
	{"a discriminator by another member", "the parts of the contract agree",
		set([]string{"components", "schemas", "Operation", "discriminator", "propertyName"}, "kind")},
	{"a narrow format", "the parts of the contract agree", set([]string{"components", "schemas", "Timestamp", "format"}, "int32")},
	{"an operation without security", "the parts of the contract agree",
		set([]string{"paths", "/v1/tickets", "post", "security"}, []any{})},
	{"an operation with a token that it does not need", "the parts of the contract agree",
		set([]string{"paths", "/healthz", "get", "security"}, []any{map[string]any{"bearerAuth": []any{}}})},
	{"a schema that is not used", "the parts of the contract agree",
		set([]string{"components", "schemas", "Color"}, map[string]any{"type": "string", "examples": []any{"red"}})},
	{"a tag that does not exist", "the parts of the contract agree", set([]string{"paths", "/docs", "get", "tags"}, []any{"pages"})},
	{"another server", "the parts of the contract agree", set([]string{"servers"}, []any{map[string]any{"url": "/api"}})},

	{"a member that is always sent and not required", "the contract is as narrow as the traffic",
		drop([]string{"components", "schemas", "DeltaEvent", "required"}, "serverTs")},
	{"a member of problems that is not required", "the contract is as narrow as the traffic",
		drop([]string{"components", "schemas", "Problem", "required"}, "retryable")},
	{"null that is never sent", "the contract is as narrow as the traffic",
		set([]string{"components", "schemas", "UserId", "type"}, []any{"string", "null"})},
	{"numbers that are always integers", "the contract is as narrow as the traffic",
		replaceIn([]string{"components", "schemas", "ProbeEvent", "properties", "ms"}, `"integer"`, `"number"`)},
	{"a header that is always sent and not required", "the contract is as narrow as the traffic",
		set([]string{"components", "headers", "Unbuffered", "required"}, false)},
	{"a header without a rule", "the contract is as narrow as the traffic", remove("components", "headers", "PageVary", "x-rule")},
	{"a header for caches is not described", "responses are as described",
		remove("paths", "/v1/rooms/{room}/changes", "get", "responses", "304", "headers", "Cache-Control")},

	{"another limit of a list", "limits of responses are those of the server",
		replaceIn([]string{"components", "schemas", "Changes", "properties", "changes"}, `"maxItems":1000`, `"maxItems":2000`)},
	{"a lower limit of a number", "limits of responses are those of the server", set([]string{"components", "schemas", "ServerSeq", "minimum"}, json.Number("0"))},
	{"a loose pattern", "limits of responses are those of the server", set([]string{"components", "schemas", "Epoch", "pattern"}, "^.+$")},
	{"a loose rule of a header", "limits of responses are those of the server",
		replaceIn([]string{"components", "headers", "ETag", "x-rule"}, `^\"`, `^(W/)?\"`)},
	{"another unit of times", "streams are as described",
		replace("Milliseconds since the Unix epoch.", "Seconds since the Unix epoch.")},
	{"another form of lists in URLs", "responses are as described",
		replaceIn([]string{"paths", "/v1/events", "get", "parameters"}, `"explode":true`, `"explode":false`)},
	{"an example of a problem with another detail", "examples are valid",
		replaceIn([]string{"components", "responses", "BodyTooLarge", "content"}, `"the limit is 1048576 bytes"`, `"the limit is 1 MB"`)},

	{"a sample of a stream with a long retry", "samples are valid", replace("retry: 2204", "retry: 8204")},
	{"a sample of a stream with another beginning", "samples are valid", replace("\n: pathsync\n", "\n: welcome\n")},
	{"a sample of a stream with another position", "samples are valid", replace("id: k3v9x2qa-12\n", "id: k3v9x2qa-99\n")},
	{"an example of an event with another position", "examples are valid",
		replaceIn([]string{"components", "schemas", "StreamedUpToDate", "examples"}, `"serverSeq":12`, `"serverSeq":13`)},
	{"a sample of a body without its type", "samples are valid", replace(" -H 'Content-Type: application/json'", "")},
	{"a sample of claims with an unknown member", "samples are valid", replace(`"readOnly": [{"key"`, `"readonly": [{"key"`)},
	{"a sample of claims with another type", "samples are valid", replace(`"presence": true}`, `"presence": "yes"}`)},

	{"a type that JSON Schema does not have", "responses are as described", set([]string{"components", "schemas", "Epoch", "type"}, "text")},
	{"a response without a description", "the document is valid OpenAPI", remove("components", "responses", "NotYet", "description")},
}

// plantedFaults are deliberate faults of the server: changes of what it has sent.
var plantedFaults = []struct{ name, found, old, changed string }{
	{"a member of delta that is not described", "streams are as described", `"serverTs":`, `"color":"red","serverTs":`},
	{"a position in an array", "folded streams are the state", `"arrayIndex":0}`, `"arrayIndex":1}`},
	{"a value in a delta", "folded streams are the state", `"value":1}`, `"value":2}`},
	{"a number of a probe", "events are in order", `"n":2`, `"n":3`},
	{"a batch that is left out", "events are in order", `"serverSeq":3,"clientId"`, `"serverSeq":4,"clientId"`},
	{"an unknown event", "streams are as described", "event: presence\n", "event: ping\n"},
	{"an event without its id", "streams are as described", "id: ", "xid: "},
	{"a retry that is too long", "streams are as described", "retry: ", "retry: 9"},
	{"two retries", "streams are as described", "event: presence\n", "retry: 2000\n\nevent: presence\n"},
	{"no comment at the beginning", "streams are as described", ": pathsync\n\n", ""},
	{"a comment with text", "streams are as described", "\n\n: \n\n", "\n\n: still here\n\n"},
	{"no keep-alive", "the described events are sent", "\n\n: \n\n", "\n\n"},
	{"a member of a response that is not described", "responses are as described", `"duplicate":`, `"color":"red","duplicate":`},
	{"a response without a member", "responses are as described", `"duplicate":false,`, ""},
	{"another code", "responses are as described", `"code":"store_not_found"`, `"code":"not_found"`},
	{"another retryable", "responses are as described", `"retryable":true`, `"retryable":false`},
	{"an answer without a known code to an unknown path", "other requests are answered with problems", `"code":"not_found"`, `"code":"nothing"`},
}

func testPlantedErrors(t *testing.T, r *recording) {
	text, err := contractJSON()
	if err != nil {
		t.Fatal(err)
	}
	sample := r.without(foldRoom).sample(theContract(t)) // suffices for all checks but one
	before := map[string]bool{}                          // what checks find in the sample, because it is not complete
	for _, check := range checks {
		for _, finding := range check.find(theContract(t), sample) {
			before[finding] = true
		}
	}
	used := map[string]bool{}
	for _, planted := range plantedErrors {
		used[planted.found] = true
		t.Run(planted.name, func(t *testing.T) {
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			d := plantedDocument{t, document.(map[string]any)}
			planted.plant(d)
			changed := mustMarshal(t, document)
			if bytes.Equal(changed, mustMarshal(t, mustUnmarshal(t, text))) {
				t.Fatal("nothing was planted")
			}
			c, err := newContract(changed)
			if err != nil {
				t.Fatal(err)
			}
			mustFind(t, planted.found, c, sample, before)
		})
	}
	for _, planted := range plantedFaults {
		used[planted.found] = true
		t.Run(planted.name, func(t *testing.T) {
			faulty, changed := &recording{}, false
			all := sample.all
			if planted.found == "folded streams are the state" {
				all = r.all
			}
			for _, e := range all {
				if text := bytes.ReplaceAll(e.received, []byte(planted.old), []byte(planted.changed)); !bytes.Equal(text, e.received) {
					changed = true
					e = e.with(text)
				}
				faulty.all = append(faulty.all, e)
			}
			if !changed {
				t.Fatal("nothing was planted")
			}
			mustFind(t, planted.found, theContract(t), faulty, before)
		})
	}
	for _, check := range checks {
		if !used[check.name] {
			t.Errorf("no planted error is for the check %q", check.name)
		}
	}
}

// mustFind expects that a check finds something that it has not found before.
func mustFind(t *testing.T, name string, c *contract, r *recording, before map[string]bool) {
	t.Helper()
	i := slices.IndexFunc(checks, func(check check) bool { return check.name == name })
	if i < 0 {
		t.Fatalf("there is no check %q", name)
	}
	found := slices.DeleteFunc(checks[i].find(c, r), func(finding string) bool { return before[finding] })
	if len(found) == 0 {
		t.Error("it is not found")
	} else {
		t.Logf("%d findings, such as: %.300s", len(found), found[0])
	}
}
