package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// The server accepts a body if and only if its schema does. Each part of valid bodies is replaced by values of all types and
// sizes, and the decision of the server is compared with that of the schema.

func TestServerAndSchemasAcceptTheSameBodies(t *testing.T) {
	c := theContract(t)
	cl := newClient(t, &recording{}, startServer(t, limits{}))
	for _, finding := range findDisagreements(c, cl) {
		t.Error(finding)
	}
	for name, plant := range map[string]func(plantedDocument){
		"a lower limit of a list":   replaceIn([]string{"components", "schemas", "Batch", "properties", "ops"}, `"maxItems":1000`, `"maxItems":8`),
		"a higher limit of a list":  replaceIn([]string{"components", "schemas", "Batch", "properties", "ops"}, `"maxItems":1000`, `"maxItems":2000`),
		"a higher limit of a text":  replaceIn([]string{"components", "schemas", "PresenceUpdate", "properties"}, `"maxLength":1000`, `"maxLength":2000`),
		"a limit of a number":       replaceIn([]string{"components", "schemas", "ClientSeq"}, `"maximum":9007199254740991`, `"maximum":9007199254740992`),
		"a member that is required": add([]string{"components", "schemas", "Batch", "required"}, "clientSeq"),
		"a member that is optional": drop([]string{"components", "schemas", "Batch", "required"}, "key"),
		"another type":              replaceIn([]string{"components", "schemas", "ClientSeq"}, `"integer"`, `"number"`),
	} {
		t.Run(name, func(t *testing.T) {
			d := plantedDocument{t, mustUnmarshal(t, must(contractJSON())).(map[string]any)}
			plant(d)
			planted, err := newContract(mustMarshal(t, d.root))
			if err != nil {
				t.Fatal(err)
			}
			if found := findDisagreements(planted, cl.on(t)); len(found) == 0 {
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

// bodies returns valid bodies for an operation, which together have all members.
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
	return append(all, sliceOf(component["examples"])...)
}

// beyondSchema reports whether a body breaks a rule that its schema cannot have.
func beyondSchema(body any) bool {
	object, _ := body.(map[string]any)
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
