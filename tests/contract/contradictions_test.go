package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pathsync/pathsync/httpapi/token"
)

// findContradictions compares parts of the contract with each other: what a schema for values cannot express.
func findContradictions(c *contract, _ *recording) (found []string) {
	f := (*findings)(&found)
	used := map[string]bool{}
	visit(c.described.document, "", func(pointer string, object map[string]any) {
		if target, ok := object["$ref"].(string); ok {
			used[strings.TrimPrefix(target, "#")] = true
		}
		if object["discriminator"] != nil {
			c.checkDiscriminator(pointer, object, f)
		}
		if format := object["format"]; object["type"] == "integer" && format != nil && format != "int64" {
			f.add("%s has the format %v; numbers of this API exceed all but int64", pointer, format)
		}
		if object["deprecated"] != nil {
			f.add("%s is deprecated, and version 1 has nothing that is", pointer)
		}
	})
	used["/components/securitySchemes/bearerAuth"], used["/components/securitySchemes/cookieAuth"] = true, true
	for kind, components := range c.described.at("components").(map[string]any) {
		for name := range components.(map[string]any) {
			if at := pointerTo("components", kind, name); !used[at] {
				f.add("%s is not used", at)
			}
		}
	}
	for name, want := range map[string]map[string]any{
		"bearerAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
		"cookieAuth": {"type": "apiKey", "in": "cookie", "name": token.CookieName},
	} {
		scheme, _ := c.described.at("components", "securitySchemes", name).(map[string]any)
		scheme = maps.Clone(scheme)
		delete(scheme, "description")
		if !maps.Equal(scheme, want) {
			f.add("%s is %v, want %v", name, scheme, want)
		}
	}
	tags := map[any]bool{}
	for _, tag := range sliceOf(c.described.at("tags")) {
		tags[tag.(map[string]any)["name"]] = true
	}
	c.operations(func(name string, operation map[string]any) {
		for _, tag := range sliceOf(operation["tags"]) {
			if !tags[tag] {
				f.add("%s has the tag %v, which does not exist", name, tag)
			}
		}
		c.checkSecurity(name, operation, f)
	})
	if servers := fmt.Sprint(c.described.at("servers")); servers != "[map[url:/]]" {
		f.add("the servers are %s, and paths are those of the server itself", servers)
	}
	return found
}

// checkDiscriminator checks that a discriminator maps each alternative from the values that its schema allows.
func (c *contract) checkDiscriminator(pointer string, object map[string]any, f *findings) {
	property, _ := c.described.within(object, "discriminator", "propertyName").(string)
	want := map[string]any{}
	for _, alternative := range sliceOf(object["oneOf"]) {
		reference, _ := c.described.within(alternative, "$ref").(string)
		schema, _ := c.described.resolve(strings.TrimPrefix(reference, "#"))
		for _, value := range sliceOf(c.described.within(schema, "properties", property, "enum")) {
			want[fmt.Sprint(value)] = reference
		}
	}
	mapping, _ := c.described.within(object, "discriminator", "mapping").(map[string]any)
	if len(want) == 0 || !maps.Equal(mapping, want) {
		f.add("%s: the discriminator maps %v, and the schemas have %v", pointer, mapping, want)
	}
}

// checkSecurity checks that operations under /v1, except for probes, accept a token or none, since a server can run without
// authentication, and that these and no others have the response 401.
func (c *contract) checkSecurity(name string, operation map[string]any, f *findings) {
	_, path, _ := strings.Cut(name, " ")
	want := "[]"
	switch {
	case strings.HasPrefix(path, "/v1/probe"):
		want = "[map[]]"
	case strings.HasPrefix(path, "/v1/"):
		want = "[map[bearerAuth:[]] map[cookieAuth:[]] map[]]"
	}
	if got := fmt.Sprint(operation["security"]); got != want {
		f.add("%s has the security %s, want %s", name, got, want)
	}
	if strings.Contains(want, "bearerAuth") != slices.Contains(c.statusesOf(name), "401") {
		f.add("%s has the security %s and the responses %v", name, want, c.statusesOf(name))
	}
}
