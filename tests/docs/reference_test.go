package docs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/go-yaml"

	"github.com/pathsync/pathsync"
	"github.com/pathsync/pathsync/internal/testkit"
)

// contract is openapi.yaml.
type contract map[string]any

func theContract(t *testing.T) contract {
	t.Helper()
	var c map[string]any
	if err := yaml.Unmarshal(pathsync.OpenAPI, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// at returns the value at a path of member names.
func (c contract) at(t *testing.T, names ...string) any {
	t.Helper()
	var value any = map[string]any(c)
	for _, name := range names {
		object, ok := value.(map[string]any)
		if !ok || object[name] == nil {
			t.Fatalf("openapi.yaml has nothing at %q", names)
		}
		value = object[name]
	}
	return value
}

// tableIn returns the table with a header in a text.
func tableIn(t *testing.T, text, header string) string {
	t.Helper()
	from := strings.Index(text, header)
	if from < 0 {
		t.Fatalf("there is no table %q", header)
	}
	table, _, _ := strings.Cut(text[from:], "\n\n")
	return table
}

func TestAPIReferenceIsCurrent(t *testing.T) {
	c := theContract(t)
	var b strings.Builder
	b.WriteString("| request | |\n|---|---|\n")
	paths := c.at(t, "paths").(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		methods := paths[path].(map[string]any)
		for _, method := range []string{"get", "head", "post", "put", "delete"} {
			if operation, ok := methods[method].(map[string]any); ok {
				fmt.Fprintf(&b, "| `%s %s` | %s |\n", strings.ToUpper(method), path, operation["summary"])
			}
		}
	}
	testkit.Document(t, root+"/docs/reference/api.md", "requests", b.String())

	events := c.at(t, "paths", "/v1/rooms/{room}/events", "get", "description").(string)
	table := schemaColumn.ReplaceAllString(tableIn(t, events, "| event |"), "$1")
	testkit.Document(t, root+"/docs/reference/api.md", "events", strings.ReplaceAll(table, ", see below", ""))
}

// schemaColumn is the second column of the table of events. Its schemas are in the contract only.
var schemaColumn = regexp.MustCompile(`(?m)^(\|[^|]*)\|[^|]*`)

func TestProblemsReferenceIsCurrent(t *testing.T) {
	codes := theContract(t).at(t, "components", "schemas", "ProblemCode", "description").(string)
	testkit.Document(t, root+"/docs/reference/problems.md", "codes", tableIn(t, codes, "| code |"))
}

func TestProtocolLimitsAreCurrent(t *testing.T) {
	c := theContract(t)
	var b strings.Builder
	b.WriteString("| | at most |\n|---|---|\n")
	for _, limit := range []struct{ what, unit, at string }{
		{"name of a room", "characters", "RoomName/maxLength"},
		{"key of a document", "characters", "StoreKey/maxLength"},
		{"`clientId`", "characters", "ClientId/maxLength"},
		{"`sub` of a token", "characters", "UserId/maxLength"},
		{"`displayName`", "characters", "DisplayName/maxLength"},
		{"path of an operation", "characters", "Path/maxLength"},
	} {
		value := c.at(t, append([]string{"components", "schemas"}, strings.Split(limit.at, "/")...)...)
		fmt.Fprintf(&b, "| %s | %v %s |\n", limit.what, value, limit.unit)
	}
	testkit.Document(t, root+"/docs/reference/limits.md", "protocol", b.String())
}
