package contract

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/jsonschema/v6"
)

// plantedDocument is the document in which an error is planted. Its methods fail the test when the place does not exist, so
// that no planted error gets lost when the contract changes.
type plantedDocument struct {
	t    *testing.T
	root map[string]any
}

// at returns the object at a path of member names.
func (d plantedDocument) at(names ...string) map[string]any {
	d.t.Helper()
	part, ok := (&schemas{document: d.root}).at(names...).(map[string]any)
	if !ok {
		d.t.Fatalf("there is no object at %v", names)
	}
	return part
}

// parent returns the object around a member.
func (d plantedDocument) parent(path []string) (object map[string]any, member string) {
	d.t.Helper()
	return d.at(path[:len(path)-1]...), path[len(path)-1]
}

func remove(path ...string) func(plantedDocument) {
	return func(d plantedDocument) {
		object, member := d.parent(path)
		if object[member] == nil {
			d.t.Fatalf("there is no %v", path)
		}
		delete(object, member)
	}
}

func set(path []string, value any) func(plantedDocument) {
	return func(d plantedDocument) {
		object, member := d.parent(path)
		object[member] = value
	}
}

// add adds an element to a list.
func add(path []string, value any) func(plantedDocument) {
	return func(d plantedDocument) {
		object, member := d.parent(path)
		object[member] = append(sliceOf(object[member]), value)
	}
}

// drop removes an element of a list.
func drop(path []string, value any) func(plantedDocument) {
	return func(d plantedDocument) {
		object, member := d.parent(path)
		object[member] = slices.DeleteFunc(sliceOf(object[member]), func(element any) bool { return reflect.DeepEqual(element, value) })
	}
}

// replace replaces text in all descriptions.
func replace(old, changed string) func(plantedDocument) {
	return func(d plantedDocument) {
		visit(d.root, "", func(_ string, object map[string]any) {
			if description, ok := object["description"].(string); ok {
				object["description"] = strings.ReplaceAll(description, old, changed)
			}
		})
	}
}

// replaceIn replaces text in the JSON of a part.
func replaceIn(path []string, old, changed string) func(plantedDocument) {
	return func(d plantedDocument) {
		object, member := d.parent(path)
		text := mustMarshal(d.t, object[member])
		object[member] = mustUnmarshal(d.t, bytes.ReplaceAll(text, []byte(old), []byte(changed)))
	}
}

func mustMarshal(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func mustUnmarshal(t *testing.T, text []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}
