package main

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"
)

// vector is a case of tests/vectors: operations with their outcomes, and the document before and after them.
type vector struct {
	Name          string
	Before, After *string
	Ops           []json.RawMessage
	Results       []json.RawMessage
}

func TestFoldOfAppliedOperationsGivesTheDocumentOfTheVectors(t *testing.T) {
	text, err := os.ReadFile("../../tests/vectors/operations.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) == 0 {
		t.Fatal(len(vectors), err)
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			document := parse(t, v.Before)
			for i := range v.Ops {
				var op struct {
					operation
					Status string
				}
				for _, part := range []json.RawMessage{v.Ops[i], v.Results[i]} { // the result has the resolved position
					if err := json.Unmarshal(part, &op); err != nil {
						t.Fatal(err)
					}
				}
				if op.Status == "applied" {
					document = apply(document, op.operation)
				}
			}
			if want := parse(t, v.After); !reflect.DeepEqual(document, want) {
				t.Errorf("the document is %v, want %v", document, want)
			}
		})
	}
}

// parse returns a document, or nil for one that does not exist.
func parse(t *testing.T, text *string) (document any) {
	t.Helper()
	if text != nil {
		if err := json.Unmarshal([]byte(*text), &document); err != nil {
			t.Fatal(err)
		}
	}
	return document
}
