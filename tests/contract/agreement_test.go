package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core/path"
)

// The server accepts a parameter or a body if and only if its schema does. Each part of valid requests is replaced by values
// of all types and sizes, and the decision of the server is compared with that of the schema.

func TestServerAndSchemasAcceptTheSameRequests(t *testing.T) {
	c := theContract(t)
	cl := newClient(t, &recording{}, startServer(t, limits{}))
	for _, find := range []func(*contract, client) []string{findDisagreements, findDisagreementsOnParameters} {
		for _, finding := range find(c, cl) {
			t.Error(finding)
		}
	}
	if raceDetector {
		return
	}
	for name, plant := range map[string]func(plantedDocument){
		"a lower limit of a list":         replaceIn([]string{"components", "schemas", "Batch", "properties", "ops"}, `"maxItems":1000`, `"maxItems":8`),
		"a higher limit of a list":        replaceIn([]string{"components", "schemas", "Batch", "properties", "ops"}, `"maxItems":1000`, `"maxItems":2000`),
		"a higher limit of a text":        replaceIn([]string{"components", "schemas", "PresenceUpdate", "properties"}, `"maxLength":1000`, `"maxLength":2000`),
		"a limit of a number":             replaceIn([]string{"components", "schemas", "ClientSeq"}, `"maximum":9007199254740991`, `"maximum":9007199254740992`),
		"a member that is required":       add([]string{"components", "schemas", "Batch", "required"}, "clientSeq"),
		"a member that is optional":       drop([]string{"components", "schemas", "Batch", "required"}, "key"),
		"a limit of a parameter":          replaceIn([]string{"paths", "/v1/rooms/{room}/changes", "get", "parameters"}, `"maximum":1000`, `"maximum":2000`),
		"a limit of a name":               replaceIn([]string{"components", "schemas", "StoreKey"}, `"maxLength":255`, `"maxLength":100`),
		"a form of positions":             set([]string{"components", "schemas", "EventId", "pattern"}, "^[A-Za-z0-9]+-[0-9]+$"),
		"members that exclude each other": replaceIn([]string{"components", "schemas", "TicketRequest", "x-rule"}, "oneOf", "anyOf"),
		"another media type":              set([]string{"paths", "/v1/tickets", "post", "requestBody", "content", "text/plain"}, map[string]any{"schema": map[string]any{"type": "string"}, "example": "x"}),
		"a body that is optional":         set([]string{"paths", "/v1/rooms/{room}/ops", "post", "requestBody", "required"}, false),
		"a list of anchors":               replaceIn([]string{"components", "schemas", "Anchors"}, `"maxItems":8`, `"maxItems":4`),
		"another type":                    replaceIn([]string{"components", "schemas", "ClientSeq"}, `"integer"`, `"number"`),
	} {
		t.Run(name, func(t *testing.T) {
			d := plantedDocument{t, mustUnmarshal(t, must(contractJSON())).(map[string]any)}
			plant(d)
			planted, err := newContract(mustMarshal(t, d.root))
			if err != nil {
				t.Fatal(err)
			}
			if len(findDisagreementsOnParameters(planted, cl.on(t))) == 0 && len(findDisagreements(planted, cl.on(t))) == 0 {
				t.Error("it is not found")
			}
		})
	}
}

func must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}

func findDisagreements(c *contract, cl client) (found []string) {
	f := (*findings)(&found)
	accepted, refused := 0, 0
	for _, r := range c.requests() {
		if r.body == "" || r.path == "/v1/probe/a%2Fb" { // which accepts any JSON
			continue
		}
		_, at := c.strict.resolve(pointerTo(pathOf(r.operation)...) + "/requestBody")
		schema := at + pointerTo("content", "application/json", "schema")
		c.checkMediaTypes(r, cl, f)
		for _, base := range c.bodies(r) {
			seen := map[string]bool{}
			for _, body := range variants(base) {
				text, err := json.Marshal(body)
				if err != nil || seen[string(text)] || beyondSchema(body) {
					continue
				}
				seen[string(text)] = true
				a := cl.sendAny(r.method, r.path, string(text))
				valid, taken := c.strict.checkJSON(schema, text), !slices.Contains([]int{400, 413, 422}, a.status)
				if taken {
					accepted++
				} else {
					refused++
				}
				if (valid == nil) != taken {
					f.add("%s: %.200s is answered %d %.200s, and the schema says: %v", r.operation, text, a.status, a.body, valid)
				}
			}
		}
	}
	if accepted < 100 || refused < 100 {
		f.add("only %d bodies were accepted and %d refused", accepted, refused)
	}
	return found
}

// checkMediaTypes checks that the server accepts the media types of a body, and no body if none is required.
func (c *contract) checkMediaTypes(r sampleRequest, cl client, f *findings) {
	body, _ := c.strict.resolve(pointerTo(pathOf(r.operation)...) + "/requestBody")
	for kind := range body["content"].(map[string]any) {
		if a := cl.sendAny(r.method, r.path, r.body, "Content-Type", kind); a.status == http.StatusUnsupportedMediaType {
			f.add("%s: the media type %s is answered %s", r.operation, kind, a.body)
		}
	}
	if a := cl.sendAny(r.method, r.path, ""); (a.status >= 400) != (body["required"] == true) {
		f.add("%s: a request without a body is answered %d, and required is %v", r.operation, a.status, body["required"])
	}
}

// findDisagreementsOnParameters does the same with the parameters in paths and queries.
func findDisagreementsOnParameters(c *contract, cl client) (found []string) {
	f := (*findings)(&found)
	for _, r := range c.requests() {
		for _, p := range c.parametersOf(r.operation) {
			name, in := p.object["name"].(string), p.object["in"]
			if in == "header" || name == "until" || c.strict.within(p.object, "schema", "type") == "array" { // `until` needs `after`
				continue
			}
			for _, value := range texts(p.object) {
				path := r.path
				if example, _ := p.object["example"].(string); in == "path" {
					path = strings.Replace(path, "/"+url.PathEscape(example), "/"+strings.ReplaceAll(url.PathEscape(value), ".", "%2E"), 1)
				} else {
					query := url.Values{name: {value}}
					if name == "wait" {
						query.Set("after", "other-1") // which is answered at once
					}
					path += map[bool]string{false: "?", true: "&"}[strings.Contains(path, "?")] + query.Encode()
				}
				if name == "last_event_id" && beyondPattern(r.operation, value) {
					continue
				}
				status := cl.statusOf(r.method, path, r.body)
				if err := c.checkText(p.pointer, value); (err == nil) != (status != 400 && status != 422) {
					f.add("%s: %s = %.300q is answered %d, and the schema says: %v", r.operation, name, value, status, err)
				}
			}
		}
	}
	return found
}

// beyondPattern reports whether a position is outside of what its pattern can say: it has as many parts as the stream has
// rooms. A stream of one room accepts `_` too, like a stream of several rooms.
func beyondPattern(operation, value string) bool {
	return operation == ofRooms && !strings.Contains(value, ".") || operation == ofRoom && strings.HasSuffix(value, "-_")
}

// texts returns values of a parameter around its limits.
func texts(parameter map[string]any) (all []string) {
	schema, _ := parameter["schema"].(map[string]any)
	for _, bound := range []any{schema["minimum"], schema["maximum"]} {
		if number, ok := bound.(json.Number); ok {
			n, _ := number.Int64()
			all = append(all, fmt.Sprint(n-1), fmt.Sprint(n), fmt.Sprint(n+1))
		}
	}
	for _, value := range replacements() {
		if text, ok := value.(string); ok && text != "" { // an empty parameter counts as absent
			all = append(all, text)
		}
	}
	return append(all, "1.5", "+1", "01", "00", "-0", "1.0", "1e0", "e-0", "e-1", "e-01", "e--1", "-1", "e-9223372036854775807", "é-1", "e-1.2", "e-_")
}

// statusOf sends a request and returns the status of its response. It does not read the body, which may be a stream.
func (c client) statusOf(method, path, body string) int {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := transport.RoundTrip(req)
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// bodies returns valid bodies for an operation, which together have all members, and one with all members at once.
func (c *contract) bodies(r sampleRequest) (all []any) {
	_, at := c.described.resolve(pointerTo(pathOf(r.operation)...) + "/requestBody")
	media, _ := c.described.resolve(at + pointerTo("content", "application/json"))
	for _, example := range examplesOf(media) {
		all = append(all, example)
	}
	if r.method == http.MethodPost && strings.HasSuffix(r.path, "/ops") {
		operations := c.described.at("components", "schemas", "Operation", "oneOf")
		for i := range sliceOf(operations) {
			object, _ := c.described.resolve(fmt.Sprint("/components/schemas/Operation/oneOf/", i))
			for _, example := range sliceOf(object["examples"]) {
				all = append(all, map[string]any{"clientId": "ada", "key": "default", "ops": []any{example}})
			}
		}
		return all
	}
	component, _ := c.described.resolve(at + pointerTo("content", "application/json", "schema"))
	together := map[string]any{}
	for _, example := range sliceOf(component["examples"]) {
		maps.Copy(together, example.(map[string]any))
	}
	return append(append(all, sliceOf(component["examples"])...), together)
}

// beyondSchema reports whether a body is outside of what its schema can say: the grammar of paths, an id that the server
// replaces because it is no text, and relations between members.
func beyondSchema(body any) bool {
	object, _ := body.(map[string]any)
	for _, op := range sliceOf(object["ops"]) {
		op, _ := op.(map[string]any)
		for _, name := range []string{"path", "to"} {
			if text, ok := op[name].(string); ok {
				if _, err := path.Parse(text); err != nil && len(text) <= path.MaxLength {
					return true
				}
			}
		}
		item, _ := op["value"].(map[string]any)
		if id, given := item["_sync_id"]; op["op"] == "array_add" && given {
			if _, isText := id.(string); !isText {
				return true
			}
		}
	}
	if object["via"] == "ada" { // the client itself
		return true
	}
	if object["previousClientSeq"] == nil {
		return false
	}
	number := func(name string) float64 {
		n, _ := object[name].(json.Number)
		value, _ := n.Float64()
		return value
	}
	_, isNumber := object["clientSeq"].(json.Number)
	return !isNumber || number("previousClientSeq") >= number("clientSeq")
}

// replacements are values of all types and of the sizes around the limits of the API.
func replacements() (all []any) {
	all = []any{nil, true, []any{}, map[string]any{}}
	for _, number := range []string{
		"0", "-0", "-0.0", "1", "1.0", "1e0", "10e-1", "1E0", "1.5", "1e-1", "-1", "1e30", "9007199254740991", "9007199254740991.0", "9007199254740992",
	} {
		all = append(all, json.Number(number))
	}
	for _, length := range []int{0, 1, 100, 101, 255, 256, 1000, 1001} {
		all = append(all, strings.Repeat("x", length))
	}
	return append(all, " x", "x\n", ".", "..", "é😀")
}

// variants returns a body, and bodies in which one part is replaced, missing, added or repeated.
func variants(body any) (all []any) {
	all = append(replacements(), body)
	switch body := body.(type) {
	case map[string]any:
		for name, member := range body {
			without := maps.Clone(body)
			delete(without, name)
			all = append(all, without)
			for _, variant := range variants(member) {
				changed := maps.Clone(body)
				changed[name] = variant
				all = append(all, changed)
			}
		}
		more := maps.Clone(body)
		more["more"] = true
		all = append(all, more)
	case []any:
		for i, element := range body {
			for _, variant := range variants(element) {
				changed := slices.Clone(body)
				changed[i] = variant
				all = append(all, changed)
			}
		}
		if len(body) > 0 {
			for _, length := range []int{8, 9, 32, 33, 1000, 1001} {
				all = append(all, slices.Repeat(body[:1], length))
			}
		}
	}
	return all
}
