package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestSmallDocumentIsOneOperation(t *testing.T) {
	for kind := range map[string]bool{"init": true, "set": true} {
		batches, err := splitDocument([]byte(`{"a":[1.50,{"b":null}]}`), kind, batchFlags{500, 1000})
		if err != nil || len(batches) != 1 || len(batches[0]) != 1 {
			t.Fatalf("%+v, %v", batches, err)
		}
		if op := batches[0][0]; op.Op != kind || op.Path != "" || string(op.Value) != `{"a":[1.50,{"b":null}]}` {
			t.Errorf("%+v", op)
		}
	}
}

func TestLargeDocumentIsSplitIntoItsMembersAndItems(t *testing.T) {
	const state = `{"a.b":{"x":"1234567890123456789012345678901234567890","y":[{"_sync_id":"[1]","t":"0123456789"},{"t":"0123456789012345678901234567890123456789","_sync_id":"2"}]},"n":-0.0}`
	batches, err := splitDocument([]byte(state), "init", batchFlags{500, 60})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, ops := range batches {
		size := 0
		for _, op := range ops {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%d %s %s %s", i, op.Op, op.Path, op.Value)))
			size += len(op.Path) + len(op.Value)
		}
		if size > 60+len(`a\.b.y[2].t`) {
			t.Errorf("batch %d has %d bytes", i, size)
		}
	}
	want := []string{
		`0 init  {}`,
		`0 set a\.b {}`,
		`0 set a\.b.x "1234567890123456789012345678901234567890"`,
		`1 set a\.b.y []`,
		`1 array_add a\.b.y {"_sync_id":"[1]","t":"0123456789"}`,
		`2 array_add a\.b.y {"_sync_id":"2"}`,
		`3 set a\.b.y[2].t "0123456789012345678901234567890123456789"`,
		`3 set n -0.0`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestValueThatCannotBeSplitIsRefused(t *testing.T) {
	long := strings.Repeat("x", 100)
	for state, says := range map[string]string{
		`{"a":"` + long + `"}`:             `the value at "a" has 102 bytes`,
		`{"a":[1,"` + long + `"]}`:         `the value at "a" has`,
		`{"":1,"a":"` + long + `"}`:        `the member "" of ""`, // the path "" is the document
		`{"a":{"":1,"b":"` + long + `"}}`:  `the member "" of "a"`,
		`{"a":[{"b":"` + long + `"}]}`:     `the value at "a"`, // the item has no id
		`{"a":1`:                           "not a document",
		`"` + long + `"`:                   `the value at ""`,
		strings.Repeat(`{"a":`, 80) + "1}": "not a document",
	} {
		if batches, err := splitDocument([]byte(state), "set", batchFlags{500, 50}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60s: %v, %v, want %q", state, len(batches), err, says)
		}
	}
}

func TestBatchesHaveLimitedOperations(t *testing.T) {
	const most = 50
	var members []string
	for i := range 2*most + 1 {
		members = append(members, fmt.Sprintf(`"m%d":%d`, i, i))
	}
	batches, err := splitDocument([]byte("{"+strings.Join(members, ",")+"}"), "set", batchFlags{most, 500})
	if err != nil {
		t.Fatal(err)
	}
	all := 0
	for _, ops := range batches {
		if all += len(ops); len(ops) > most {
			t.Errorf("%d operations", len(ops))
		}
	}
	if all != 2*most+2 {
		t.Errorf("%d operations", all)
	}
}

// largeDocument has a text, an item array and an object of many members, in 300 KB.
func largeDocument() string {
	members := map[string]string{}
	for i := range 100 {
		members[fmt.Sprintf("m.%d", i)] = strings.Repeat("y", 1000)
	}
	object, _ := json.Marshal(members)
	var list []string
	for i := range 100 {
		list = append(list, fmt.Sprintf(`{"_sync_id":"i[%d]","text":%q,"n":1.50}`, i, strings.Repeat("z", 1000)))
	}
	return fmt.Sprintf(`{"text":%q,"items":[%s],"object":%s}`, strings.Repeat("x", 50_000), strings.Join(list, ","), object)
}
