package contract

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/pb33f/jsonschema/v6"
)

// findUnsentMembers reports members and values of enums that no response, event or accepted request has.
func findUnsentMembers(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	w := walker{schemas: c.described, described: map[string]bool{}, seen: map[string]bool{}}
	c.operations(func(name string, operation map[string]any) {
		operationAt := pointerTo(pathOf(name)...)
		w.list(operationAt + "/requestBody" + pointerTo("content", "application/json", "schema"))
		for status := range operation["responses"].(map[string]any) {
			_, at := c.described.resolve(operationAt + "/responses/" + status)
			for _, media := range []string{"application/json", "application/problem+json", "text/event-stream"} {
				w.list(at + pointerTo("content", media, "schema"))
			}
		}
	})
	visited := map[item]bool{}
	r.described(c, func(name string, e *exchange) {
		operationAt := pointerTo(pathOf(name)...)
		_, at := c.described.resolve(operationAt + "/responses/" + strconv.Itoa(e.status))
		switch kind := e.header.Get("Content-Type"); {
		case e.isStream:
			for _, i := range e.items() {
				if i.name != "" && !visited[i] {
					visited[i] = true
					w.visitJSON(at+pointerTo("content", "text/event-stream", "schema"), fmt.Appendf(nil, `{"event":%q,"id":%q,"data":%s}`, i.name, i.id, i.data))
				}
			}
		case kind == "application/json":
			w.visitJSON(at+pointerTo("content", kind, "schema"), e.received)
		}
		if e.status < 400 && len(e.sent) > 0 {
			w.visitJSON(operationAt+"/requestBody"+pointerTo("content", "application/json", "schema"), e.sent)
		}
	})
	for _, e := range r.all {
		if e.code() != "" {
			w.visitJSON("/components/schemas/Problem", e.received) // also of paths and methods that are not described
		}
	}
	for what := range w.described {
		if !w.seen[what] {
			f.add("%s is described, and never occurs", what)
		}
	}
	return found
}

// walker collects the members and the values of enums that schemas describe, and those that values have.
type walker struct {
	*schemas
	described, seen map[string]bool
	listed          map[string]bool
}

// list collects what a schema describes.
func (w *walker) list(pointer string) {
	schema, at := w.resolve(pointer)
	if w.listed == nil {
		w.listed = map[string]bool{}
	}
	if schema == nil || w.listed[at] {
		return
	}
	w.listed[at] = true
	for _, value := range sliceOf(schema["enum"]) {
		w.described[fmt.Sprint(at, " = ", value)] = true
	}
	members, _ := schema["properties"].(map[string]any)
	for name := range members {
		w.described[at+"/properties/"+name] = true
		w.list(at + "/properties" + pointerTo(name))
	}
	for _, name := range []string{"items", "additionalProperties"} {
		w.list(at + "/" + name)
	}
	for _, name := range []string{"allOf", "anyOf", "oneOf"} {
		for i := range sliceOf(schema[name]) {
			w.list(fmt.Sprint(at, "/", name, "/", i))
		}
	}
}

func (w *walker) visitJSON(pointer string, text []byte) {
	if value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text)); err == nil { // other checks report what is not JSON
		w.visit(pointer, value)
	}
}

// visit collects what a value has of what a schema describes.
func (w *walker) visit(pointer string, value any) {
	schema, at := w.resolve(pointer)
	if schema == nil {
		return
	}
	for _, allowed := range sliceOf(schema["enum"]) {
		if allowed == value {
			w.seen[fmt.Sprint(at, " = ", value)] = true
		}
	}
	for i := range sliceOf(schema["allOf"]) {
		w.visit(fmt.Sprint(at, "/allOf/", i), value)
	}
	for _, name := range []string{"anyOf", "oneOf"} {
		for i := range sliceOf(schema[name]) {
			if branch := fmt.Sprint(at, "/", name, "/", i); w.check(branch, value) == nil {
				w.visit(branch, value)
			}
		}
	}
	switch value := value.(type) {
	case map[string]any:
		members, _ := schema["properties"].(map[string]any)
		for name, member := range value {
			if members[name] == nil {
				w.visit(at+"/additionalProperties", member)
				continue
			}
			w.seen[at+"/properties/"+name] = true
			w.visit(at+"/properties"+pointerTo(name), member)
		}
	case []any:
		for _, element := range value {
			w.visit(at+"/items", element)
		}
	}
}

// findUnsentHeaders reports headers, and values of their enums, that no response has.
func findUnsentHeaders(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	described, seen := map[string]bool{}, map[string]bool{}
	headersOf := func(name, status string, visit func(header, at string, values []any)) {
		response, at := c.strict.resolve(pointerTo(pathOf(name)...) + "/responses/" + status)
		headers, _ := response["headers"].(map[string]any)
		for header := range headers {
			object, headerAt := c.strict.resolve(at + "/headers/" + header)
			visit(header, headerAt, sliceOf(c.strict.within(object, "schema", "enum")))
		}
	}
	c.operations(func(name string, operation map[string]any) {
		for status := range operation["responses"].(map[string]any) {
			headersOf(name, status, func(header, at string, values []any) {
				described[fmt.Sprintf("the header %s of %s %s", header, name, status)] = true
				for _, value := range values {
					described[fmt.Sprintf("%s = %v", at, value)] = true
				}
			})
		}
	})
	r.described(c, func(name string, e *exchange) {
		headersOf(name, strconv.Itoa(e.status), func(header, at string, _ []any) {
			if value := e.header.Get(header); value != "" {
				seen[fmt.Sprintf("the header %s of %s %d", header, name, e.status)] = true
				seen[fmt.Sprintf("%s = %v", at, value)] = true
			}
		})
	})
	for what := range described {
		if !seen[what] {
			f.add("%s is described, and was never sent", what)
		}
	}
	return found
}
