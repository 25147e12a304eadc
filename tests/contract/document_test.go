package contract

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pathsync/pathsync/httpapi/problem"
)

// findInvalidDocument validates the document against the schema of OpenAPI.
func findInvalidDocument(c *contract, _ *recording) (found []string) {
	f := (*findings)(&found)
	text, err := json.Marshal(c.described.document)
	if err != nil {
		return []string{err.Error()}
	}
	judge, err := newJudge(text)
	if err != nil {
		return []string{err.Error()}
	}
	_, errs := judge.ValidateDocument()
	for _, err := range errs {
		f.add("%v", err)
		for _, cause := range err.SchemaValidationErrors {
			f.add("%s: %s", cause.KeywordLocation, cause.Reason)
		}
	}
	return found
}

// findUndescribedOperations reports operations without a name of their own, and messages without an example.
func findUndescribedOperations(c *contract, _ *recording) (found []string) {
	f := (*findings)(&found)
	ids := map[string]string{}
	c.operations(func(name string, operation map[string]any) {
		id, _ := operation["operationId"].(string)
		if id == "" || operation["summary"] == nil || operation["description"] == nil || operation["tags"] == nil {
			f.add("%s lacks an operationId, a summary, a description or tags", name)
		}
		if other, taken := ids[id]; taken {
			f.add("%s and %s are both called %s", name, other, id)
		}
		ids[id] = name
	})
	isComponent := regexp.MustCompile(`^/components/schemas/[^/]+$`)
	visit(c.described.document, "", func(pointer string, object map[string]any) {
		_, carriesSchema := object["schema"]
		isStream := strings.HasSuffix(pointer, "/text~1event-stream") // its schema has examples of events
		if (carriesSchema && !isStream || isComponent.MatchString(pointer)) && len(examplesOf(object)) == 0 {
			f.add("%s has no example", pointer)
		}
	})
	return found
}

// findInvalidExamples validates all examples. Those of problems are what the server sends.
func findInvalidExamples(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	component := regexp.MustCompile(`^/components/schemas/([^/]+)$`)
	details := r.details()
	visit(c.described.document, "", func(pointer string, object map[string]any) {
		for where, example := range examplesOf(object) {
			schema := pointer + "/schema"
			if strings.HasPrefix(where, "schema example") {
				schema = component.ReplaceAllString(pointer, "/x-closed/$1")
			}
			if err := c.closed.check(schema, example); err != nil {
				f.add("%s, %s: %v", pointer, where, err)
			}
			if err := checkProblem(example); err != nil {
				f.add("%s, %s: %v", pointer, where, err)
			}
			if object, ok := example.(map[string]any); ok && object["code"] != nil && object["detail"] != nil && !details[withoutNames(fmt.Sprint(object["detail"]))] {
				f.add("%s, %s: the server does not send the detail %q", pointer, where, object["detail"])
			}
			if err := checkStreamed(example); err != nil {
				f.add("%s, %s: %v", pointer, where, err)
			}
		}
	})
	return found
}

// checkProblem checks that the server sends a problem like an example, if the example is one.
func checkProblem(example any) error {
	object, _ := example.(map[string]any)
	code, ok := object["code"].(string)
	if !ok || object["retryable"] == nil {
		return nil
	}
	want := problem.New(problem.Code(code), "")
	const format = "%v|%v|%v|%v"
	if got := fmt.Sprintf(format, object["type"], object["title"], object["status"], object["retryable"]); got != fmt.Sprintf(format, want.Type, want.Title, want.Status, want.Retryable) {
		return fmt.Errorf("the server sends %+v", *want)
	}
	return nil
}

// details returns the details of all problems that were received.
func (r *recording) details() map[string]bool {
	all := map[string]bool{}
	for _, e := range r.all {
		var p struct{ Detail string }
		if e.code() != "" && json.Unmarshal(e.received, &p) == nil {
			all[withoutNames(p.Detail)] = true
		}
	}
	return all
}

// withoutNames returns a detail without the parts that differ from request to request.
func withoutNames(detail string) string {
	return regexp.MustCompile(`[0-9]+`).ReplaceAllString(detail, "0")
}

// checkStreamed checks the position of an event, if an example is one.
func checkStreamed(example any) error {
	object, _ := example.(map[string]any)
	id, _ := object["id"].(string)
	if id == "" || object["event"] == nil {
		return nil
	}
	data, err := json.Marshal(object["data"])
	if err != nil {
		return err
	}
	return checkPosition(ofRoom, id, data)
}

// problemRow is a row of the table of codes.
type problemRow struct{ code, status, retryable, meaning string }

func (c *contract) problemRows() (rows []problemRow) {
	table, _ := c.described.at("components", "schemas", "ProblemCode", "description").(string)
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (\\d+) \\| (yes|no) \\| (.*) \\|$").FindAllStringSubmatch(table, -1) {
		rows = append(rows, problemRow{row[1], row[2], row[3], row[4]})
	}
	return rows
}

// findWrongCodes compares the codes of the server with the table and with the enum of the contract, and with what was sent.
func findWrongCodes(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	var explained, known, listed []string
	for _, row := range c.problemRows() {
		explained = append(explained, row.code)
		p := problem.New(problem.Code(row.code), "")
		if want := (problemRow{row.code, fmt.Sprint(p.Status), map[bool]string{true: "yes", false: "no"}[p.Retryable], row.meaning}); row != want {
			f.add("the table has %v, the server %v", row, want)
		}
	}
	for _, code := range sliceOf(c.described.at("components", "schemas", "ProblemCode", "enum")) {
		listed = append(listed, fmt.Sprint(code))
	}
	for _, code := range problem.Codes() {
		known = append(known, string(code))
	}
	for _, list := range [][]string{explained, listed} {
		if slices.Sort(list); !slices.Equal(list, known) {
			f.add("the contract has the codes\n%v\nthe server has\n%v", list, known)
		}
	}
	for _, e := range r.all {
		if code := e.code(); code != "" && fmt.Sprint(e.status) != fmt.Sprint(problem.New(problem.Code(code), "").Status) {
			f.add("%v: the status is not that of the code", e)
		}
	}
	return found
}

// visit walks all objects of a document, except for the examples, which are data.
func visit(node any, pointer string, do func(pointer string, object map[string]any)) {
	switch node := node.(type) {
	case map[string]any:
		do(pointer, node)
		for name, member := range node {
			if name != "example" && name != "examples" {
				visit(member, pointer+"/"+escape(name), do)
			}
		}
	case []any:
		for i, element := range node {
			visit(element, fmt.Sprintf("%s/%d", pointer, i), do)
		}
	}
}

// examplesOf returns the examples of an object: a media type, parameter, header or schema.
func examplesOf(object map[string]any) map[string]any {
	found := map[string]any{}
	if example, ok := object["example"]; ok {
		found["example"] = example
	}
	switch examples := object["examples"].(type) {
	case map[string]any:
		for name, example := range examples {
			found["example "+name] = example.(map[string]any)["value"]
		}
	case []any:
		for i, example := range examples {
			found[fmt.Sprintf("schema example %d", i)] = example
		}
	}
	return found
}
