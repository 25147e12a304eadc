package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pathsync/pathsync"
	"github.com/pathsync/pathsync/core/path"
)

// The tests of this file run the examples and the tables of /path-operations.md on a server.

// columns separates the columns of an example.
var columns = regexp.MustCompile(` {2,}`)

// example is one line of a sample: a document, an operation, and the document or the reason after it.
type example struct{ before, op, after string }

func examplesOfOperations() (all []example) {
	for _, block := range codeBlocks.FindAllStringSubmatch(string(pathsync.PathOperations), -1) {
		for line := range strings.Lines(block[2]) {
			parts := columns.Split(strings.TrimSpace(line), -1)
			if len(parts) >= 3 && !strings.Contains(line, ";  ") && !strings.Contains(line, "becomes") {
				all = append(all, example{parts[0], parts[1], parts[2]})
			}
		}
	}
	return all
}

func TestTheExamplesOfOperationsAreWhatTheServerDoes(t *testing.T) {
	c := newClient(t, &recording{}, startServer(t, limits{}))
	examples := examplesOfOperations()
	if len(examples) < 30 {
		t.Fatalf("there are only %d examples", len(examples))
	}
	for i, e := range examples {
		t.Run(e.op+" of "+e.before, func(t *testing.T) {
			if err := e.check(c.on(t), fmt.Sprint("example-", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wrong := example{`{"a":[]}`, "set a.b = 1", "discarded, not_found"}
	if wrong.check(c, "wrong") == nil {
		t.Error("a wrong example is not found")
	}
}

func (e example) check(c client, room string) error {
	result, state, err := c.operate(room, list(e.before), e.op)
	if err != nil {
		return err
	}
	after, _, _ := strings.Cut(e.after, ";")
	if reason, discarded := strings.CutPrefix(after, "discarded, "); discarded {
		if want := fmt.Sprintf(`{"status":"discarded","reason":%q}`, reason); result != want {
			return fmt.Errorf("the result is %s, want %s", result, want)
		}
		return nil
	}
	after, index, hasIndex := strings.Cut(after, ", at ")
	if hasIndex && result != fmt.Sprintf(`{"status":"applied","arrayIndex":%s}`, index) {
		return fmt.Errorf("the result is %s, want the index %s", result, index)
	}
	if want := list(after); state != want {
		return fmt.Errorf("the document is %s, want %s", state, want)
	}
	return nil
}

// list returns a document in JSON; `t: a b` stands for an array with the items a and b.
func list(text string) string {
	name, ids, short := strings.Cut(text, ": ")
	if !short || strings.HasPrefix(text, "{") {
		return text
	}
	var items []string
	for _, id := range strings.Fields(ids) {
		items = append(items, fmt.Sprintf(`{"_sync_id":%q}`, id))
	}
	return fmt.Sprintf(`{%q:[%s]}`, name, strings.Join(items, ","))
}

// operate applies an operation, in the notation of the page, to a document. It returns the result and the document after it.
func (c client) operate(room, before, text string) (result, state string, err error) {
	op := map[string]any{}
	words := strings.SplitN(text, " ", 3)
	if len(words) < 2 {
		return "", "", fmt.Errorf("%q is no operation", text)
	}
	op["op"], op["path"] = words[0], words[1]
	rest := strings.Join(words[2:], "")
	if value, ok := strings.CutPrefix(rest, "= "); ok {
		op["value"] = json.RawMessage(value)
		rest = ""
	}
	for _, place := range []struct{ word, member string }{{"after ", "after"}, {"at ", "arrayIndex"}, {"to ", "to"}} {
		before, after, ok := strings.Cut(" "+rest, " "+place.word)
		if !ok {
			continue
		}
		rest = strings.TrimSpace(before)
		switch {
		case place.member == "arrayIndex" || after == "null":
			op[place.member] = json.RawMessage(after)
		case strings.HasPrefix(after, "["):
			op[place.member] = strings.Split(strings.Trim(after, "[]"), ", ")
		default:
			op[place.member] = after
		}
	}
	switch {
	case strings.HasPrefix(rest, "{"):
		op["value"] = json.RawMessage(rest)
	case words[0] == "array_add":
		op["value"] = map[string]any{"_sync_id": rest}
	}
	body, err := json.Marshal(map[string]any{"clientId": "ada", "key": "default", "ops": []any{
		map[string]any{"op": "init", "path": "", "value": json.RawMessage(before)}, op,
	}})
	if err != nil {
		return "", "", err
	}
	a := c.sendAny(http.MethodPost, "/v1/rooms/"+room+"/ops", string(body))
	if a.status != http.StatusOK {
		return "", "", fmt.Errorf("%s is answered %d %s", body, a.status, a.body)
	}
	var results []json.RawMessage
	if err := json.Unmarshal([]byte(a.member("results")), &results); err != nil {
		return "", "", err
	}
	return string(results[1]), c.get(200, "/v1/rooms/"+room+"/stores/default").member("state"), nil
}

// tableRows returns the rows of the table of the page that has a heading row.
func tableRows(t *testing.T, heading string) (rows [][]string) {
	t.Helper()
	_, table, ok := strings.Cut(string(pathsync.PathOperations), heading+"\n")
	if !ok {
		t.Fatalf("there is no table with the heading %s", heading)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		if cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | "); !strings.HasPrefix(line, "|---") {
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

func TestPathsAreFollowedAsTheTableSays(t *testing.T) {
	c := newClient(t, &recording{}, startServer(t, limits{}))
	values := map[string][]string{
		"an object":                           {`{"k":1}`, `{}`},
		"an item array":                       {`[{"_sync_id":"x"}]`, `[]`},
		"a plain array":                       {`[1]`, `[[]]`, `[{"_sync_id":"x"},1]`},
		"nothing, `null`":                     {`null`, ""},
		"a string, a number, `true`, `false`": {`"s"`, `1`, `true`, `false`},
	}
	rows := tableRows(t, "| at | a key leads to | an item leads to |")
	if len(rows) != len(values) {
		t.Errorf("the table has %d rows, want %d", len(rows), len(values))
	}
	room := 0
	for _, row := range rows {
		for _, value := range values[row[0]] {
			for cell, op := range map[string]string{row[1]: "delete v.k", row[2]: "array_del v[x]"} {
				document := map[bool]string{true: "{}", false: `{"v":` + value + `}`}[value == ""]
				room++
				result, _, err := c.operate(fmt.Sprint("follow-", room), document, op)
				if err != nil {
					t.Fatal(err)
				}
				want := reasonOf(cell, strings.Contains(value, "k") || strings.Contains(value, "x"))
				if result != want {
					t.Errorf("%s: %s of %s is %s, want %s", row[0], op, document, result, want)
				}
			}
		}
	}
}

// reasonOf returns the result of removing what a cell of the table leads to.
func reasonOf(cell string, exists bool) string {
	reasons := quoted.FindStringSubmatch(cell)
	switch {
	case reasons == nil && (cell == "nothing" || !exists):
		return `{"status":"discarded","reason":"not_found"}`
	case reasons == nil, strings.Contains(cell, "otherwise") && exists:
		return `{"status":"applied"}`
	}
	return fmt.Sprintf(`{"status":"discarded","reason":%q}`, reasons[1])
}

func TestTheTableOfReasonsHasTheReasonsOfTheContract(t *testing.T) {
	var described []string
	for _, row := range tableRows(t, "| reason | meaning |") {
		described = append(described, strings.Trim(row[0], "`"))
	}
	var want []string
	for _, reason := range sliceOf(theContract(t).described.at("components", "schemas", "DiscardReason", "enum")) {
		want = append(want, reason.(string))
	}
	if slices.Sort(described); !slices.Equal(described, slices.Sorted(slices.Values(want))) {
		t.Errorf("the table has %v, the contract %v", described, want)
	}
	var ops []string
	for _, row := range tableRows(t, "| `op` | `path` | `value` | `arrayIndex` or `after` | `to` |") {
		ops = append(ops, quoted.FindStringSubmatch(row[0])[1])
	}
	slices.Sort(ops)
	mapping := theContract(t).described.at("components", "schemas", "Operation", "discriminator", "mapping").(map[string]any)
	if !slices.Equal(ops, slices.Sorted(maps.Keys(mapping))) {
		t.Errorf("the table has %v, the contract %v", ops, mapping)
	}
}

func TestPathsHaveTheSegmentsOfTheTable(t *testing.T) {
	for _, row := range tableRows(t, "| path | segments | names |") {
		for _, text := range quoted.FindAllStringSubmatch(row[0], -1) {
			p, err := path.Parse(text[1])
			if err != nil {
				t.Fatal(err)
			}
			var segments []string
			for _, s := range p {
				segments = append(segments, map[bool]string{true: "item `", false: "key `"}[s.Item]+s.Name+"`")
			}
			if got := strings.Join(segments, ", "); got != row[1] {
				t.Errorf("%s has %s, and the table has %s", text[1], got, row[1])
			}
		}
	}
}
