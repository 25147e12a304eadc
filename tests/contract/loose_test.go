package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/pb33f/jsonschema/v6"
)

// A description that allows more than the server does is no error for a validator. These checks find it in responses:
// members and headers that are always there and are not required, types that never occur, and headers without a rule.

func findLooseDescriptions(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	l := looseness{schemas: c.described, objects: map[string]int{}, members: map[string]map[string]int{}, types: map[string]map[string]bool{}}
	headers, responses := map[string]map[string]int{}, map[string]int{}
	visited := map[item]bool{}
	r.described(c, func(name string, e *exchange) {
		response, at := c.described.resolve(pointerTo(pathOf(name)...) + "/responses/" + strconv.Itoa(e.status))
		described, _ := response["headers"].(map[string]any)
		responses[at]++
		for header := range described {
			if e.header.Get(header) != "" {
				if headers[at] == nil {
					headers[at] = map[string]int{}
				}
				headers[at][header]++
			}
		}
		kind, _, _ := strings.Cut(e.header.Get("Content-Type"), ";")
		switch {
		case e.isStream:
			for _, i := range e.items() {
				if i.name != "" && !visited[i] {
					visited[i] = true
					l.visitJSON("/components/schemas/"+c.eventsOf(name)[i.name].schema, []byte(i.data))
				}
			}
		case isJSON(kind):
			l.visitJSON(at+pointerTo("content", kind, "schema"), e.received)
		}
	})
	l.report(f)
	for at, count := range responses {
		response, _ := c.described.resolve(at)
		described, _ := response["headers"].(map[string]any)
		for name := range described {
			header, headerAt := c.described.resolve(at + "/headers/" + name)
			if header["required"] == false && headers[at][name] == count && count >= enoughObjects {
				f.add("all %d responses %s have the header %s, which is not required", count, at, name)
			}
			if header["x-rule"] == nil {
				f.add("%s has no rule for its value", headerAt)
			}
		}
	}
	return found
}

// enoughObjects is a number of objects or responses of a kind that show what they have in common.
const enoughObjects = 5

// looseness counts what the values of schemas have.
type looseness struct {
	*schemas
	objects map[string]int
	members map[string]map[string]int
	types   map[string]map[string]bool
}

func (l *looseness) visitJSON(pointer string, text []byte) {
	if value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text)); err == nil { // other checks report what is not JSON
		l.visit(pointer, value)
	}
}

func (l *looseness) visit(pointer string, value any) {
	schema, at := l.resolve(pointer)
	if schema == nil {
		return
	}
	if l.types[at] == nil {
		l.types[at] = map[string]bool{}
	}
	l.types[at][typeOf(value)] = true
	for i := range sliceOf(schema["allOf"]) {
		l.visit(fmt.Sprint(at, "/allOf/", i), value)
	}
	switch value := value.(type) {
	case map[string]any:
		l.objects[at]++
		if l.members[at] == nil {
			l.members[at] = map[string]int{}
		}
		members, _ := schema["properties"].(map[string]any)
		for name, member := range value {
			if members[name] == nil {
				l.visit(at+"/additionalProperties", member)
				continue
			}
			l.members[at][name]++
			l.visit(at+"/properties"+pointerTo(name), member)
		}
	case []any:
		for _, element := range value {
			l.visit(at+"/items", element)
		}
	}
}

func (l *looseness) report(f *findings) {
	for at, count := range l.objects {
		schema, _ := l.resolve(at)
		required := map[any]bool{}
		for _, name := range sliceOf(schema["required"]) {
			required[name] = true
		}
		for name, has := range l.members[at] {
			if has == count && count >= enoughObjects && !required[name] {
				f.add("all %d values of %s have the member %s, which is not required", count, at, name)
			}
		}
	}
	for at, seen := range l.types {
		schema, _ := l.resolve(at)
		types := sliceOf(schema["type"])
		if one, ok := schema["type"].(string); ok {
			types = []any{one}
		}
		for _, kind := range types {
			if !seen[kind.(string)] {
				f.add("%s has the type %v, which no value has", at, kind)
			}
		}
	}
}

// typeOf returns the narrowest type of a value.
func typeOf(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if _, err := value.Int64(); err == nil {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
