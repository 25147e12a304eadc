package contract

import (
	"maps"
	"slices"
)

// closeObjects forbids members that a schema does not describe. The contract allows them in responses and events, so that
// clients accept those of later versions; this server must not send any. `/x-closed/NAME` is the closed schema of a component.
func closeObjects(document map[string]any) {
	c := closer{document}
	components := document["components"].(map[string]any)["schemas"].(map[string]any)
	closed := map[string]any{}
	for name, schema := range components {
		c.inside(schema)
		closed[name] = c.closeAt(map[string]any{"$ref": "#/components/schemas/" + name})
	}
	c.media(document["paths"])
	c.media(document["components"].(map[string]any)["responses"])
	document["x-closed"] = closed
}

type closer struct{ document map[string]any }

// media closes the schemas of all media types below a node.
func (c closer) media(node any) {
	object, ok := node.(map[string]any)
	if !ok {
		return
	}
	for name, member := range object {
		if name != "content" {
			c.media(member)
			continue
		}
		for _, media := range member.(map[string]any) {
			if media := media.(map[string]any); media["schema"] != nil {
				c.inside(media["schema"])
				media["schema"] = c.closeAt(media["schema"])
			}
		}
	}
}

// inside closes the schemas of the members and the items of a schema.
func (c closer) inside(node any) {
	schema, ok := node.(map[string]any)
	if !ok {
		return
	}
	if members, ok := schema["properties"].(map[string]any); ok {
		for name := range members {
			c.inside(members[name])
			members[name] = c.closeAt(members[name])
		}
	}
	for _, name := range []string{"items", "additionalProperties"} {
		if schema[name] != nil {
			c.inside(schema[name])
			schema[name] = c.closeAt(schema[name])
		}
	}
	for _, name := range []string{"allOf", "anyOf", "oneOf"} {
		for _, part := range sliceOf(schema[name]) {
			c.inside(part)
		}
	}
	for _, name := range []string{"if", "then", "else"} {
		c.inside(schema[name])
	}
}

// closeAt closes a schema, if it is one of objects. Only the outermost schema of an object can be closed: the parts of an
// `allOf` do not know the members of each other.
func (c closer) closeAt(node any) any {
	schema, ok := node.(map[string]any)
	if !ok || !c.describesMembers(schema, nil) {
		return node
	}
	schema = maps.Clone(schema)
	schema["unevaluatedProperties"] = false
	return schema
}

func (c closer) describesMembers(node any, seen []string) bool {
	schema, ok := node.(map[string]any)
	if !ok {
		return false
	}
	if reference, ok := schema["$ref"].(string); ok && !slices.Contains(seen, reference) {
		target := (&schemas{document: c.document}).follow(reference[1:])
		return c.describesMembers(target.object, append(seen, reference))
	}
	if schema["properties"] != nil {
		return true
	}
	for _, name := range []string{"allOf", "anyOf", "oneOf"} {
		for _, part := range sliceOf(schema[name]) {
			if c.describesMembers(part, seen) {
				return true
			}
		}
	}
	return false
}
