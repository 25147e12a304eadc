package contract

import (
	"encoding/json"
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// strict makes the document as strict as the server. The contract itself is looser where generators of clients need it:
//
//   - `x-rule` is a schema that the value of the same object also meets. Generators cannot express it, and ignore it.
//   - `x-problem-codes` are the codes of the problems of a response, and a table has the status of each code.
//   - Times are of the present, in the unit that the description names.
//   - The server sends every described header of a response, except those with `required: false`. The contract requires
//     none, because a proxy may remove them.
func strict(document map[string]any) {
	applyRules(document)
	components := document["components"].(map[string]any)
	problem := components["schemas"].(map[string]any)["Problem"].(map[string]any)
	problem["oneOf"] = codesOfTable(components["schemas"].(map[string]any)["ProblemCode"].(map[string]any)["description"].(string))
	if timestamp := components["schemas"].(map[string]any)["Timestamp"].(map[string]any); strings.HasPrefix(timestamp["description"].(string), "Milliseconds") {
		timestamp["minimum"] = json.Number("1600000000000") // in 2020; seconds are less
	} else {
		timestamp["maximum"] = json.Number("100000000000")
	}
	for _, header := range components["headers"].(map[string]any) {
		header := header.(map[string]any)
		if _, decided := header["required"]; !decided {
			header["required"] = true
		}
	}
}

func applyRules(node any) {
	switch node := node.(type) {
	case map[string]any:
		for _, member := range node {
			applyRules(member)
		}
		if node["$ref"] != nil {
			delete(node, "description") // the validator does not follow a reference with other members
		}
		if rule, ok := node["x-rule"]; ok {
			if schema, ok := node["schema"].(map[string]any); ok { // of a header
				maps.Copy(schema, rule.(map[string]any))
			} else {
				if reference, ok := node["$ref"]; ok {
					delete(node, "$ref")
					node["allOf"] = []any{map[string]any{"$ref": reference}}
				}
				node["allOf"] = append(sliceOf(node["allOf"]), rule)
			}
		}
		if codes, ok := node["x-problem-codes"]; ok {
			node["schema"] = map[string]any{"allOf": []any{node["schema"],
				map[string]any{"properties": map[string]any{"code": map[string]any{"enum": codes}}}}}
		}
	case []any:
		for _, element := range node {
			applyRules(element)
		}
	}
}

func sliceOf(value any) []any {
	list, _ := value.([]any)
	return list
}

// codeRow matches a row of the table of codes: the code, its status, and whether it is retryable.
var codeRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (\\d+) \\| (yes|no) \\|")

// codesOfTable returns a schema for each code: its status, and whether it is retryable.
func codesOfTable(table string) []any {
	var codes []any
	for _, row := range codeRow.FindAllStringSubmatch(table, -1) {
		status, _ := strconv.Atoi(row[2])
		codes = append(codes, map[string]any{"properties": map[string]any{
			"code":      map[string]any{"const": row[1]},
			"status":    map[string]any{"const": status},
			"retryable": map[string]any{"const": row[3] == "yes"},
		}})
	}
	return codes
}
