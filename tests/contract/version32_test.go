package contract

import (
	"reflect"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"

	"github.com/pathsync/pathsync"
)

func TestTheContractIn32DiffersOnlyInItsStreams(t *testing.T) {
	older, newer := decoded(t, pathsync.OpenAPI), decoded(t, pathsync.OpenAPI32())
	if newer["openapi"] != "3.2.0" {
		t.Errorf("openapi is %v", newer["openapi"])
	}
	streams, events := 0, 0
	visit(newer, "", func(pointer string, object map[string]any) {
		if strings.HasSuffix(pointer, "/text~1event-stream") {
			streams++
			if object["schema"] != nil || object["itemSchema"] == nil {
				t.Errorf("%s is %v", pointer, object)
			}
			object["schema"] = object["itemSchema"]
			delete(object, "itemSchema")
		}
		// An event is an object whose data is text that contains JSON.
		if properties, ok := object["properties"].(map[string]any); ok && properties["data"] != nil {
			events++
			data := properties["data"].(map[string]any)
			if data["type"] != "string" || data["contentMediaType"] != "application/json" {
				t.Errorf("%s/properties/data is %v", pointer, data)
			}
			properties["data"] = data["contentSchema"]
		}
	})
	if streams != 3 || events != 10 {
		t.Errorf("%d streams and %d events", streams, events)
	}
	for _, schemas := range []any{older, newer} {
		visit(schemas, "", func(_ string, object map[string]any) {
			if _, isSchema := object["examples"].([]any); isSchema {
				delete(object, "examples")
			}
		})
	}
	newer["openapi"] = older["openapi"]
	if !reflect.DeepEqual(older, newer) {
		t.Error("there are other differences")
	}
}

func TestTheContractIn32HasNoExamplesThatAreInvalid(t *testing.T) {
	visit(decoded(t, pathsync.OpenAPI32()), "", func(pointer string, object map[string]any) {
		for name, example := range examplesOf(object) {
			if event, ok := example.(map[string]any); ok && event["event"] != nil {
				t.Errorf("%s, %s has data that is not text", pointer, name)
			}
		}
	})
	if _, err := libopenapi.NewDocument(pathsync.OpenAPI32()); err != nil {
		t.Error(err)
	}
}

func decoded(t *testing.T, text []byte) map[string]any {
	t.Helper()
	asJSON, err := toJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return mustUnmarshal(t, asJSON).(map[string]any)
}
