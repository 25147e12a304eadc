package contract

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"github.com/pathsync/pathsync"
)

func TestTheContractIsValidOpenAPI(t *testing.T) {
	document, err := libopenapi.NewDocument(pathsync.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	judge, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if ok, errs := judge.ValidateDocument(); !ok {
		for _, err := range errs {
			t.Error(err)
			for _, cause := range err.SchemaValidationErrors {
				t.Error(cause.KeywordLocation, cause.Reason)
			}
		}
	}
}

func TestEveryExampleIsValid(t *testing.T) {
	c := theContract(t)
	checked := 0
	visit(c.document, "", func(pointer string, object map[string]any) {
		for where, example := range examplesOf(object) {
			checked++
			schema := pointer + "/schema"
			if strings.HasPrefix(where, "schema example") {
				schema = pointer
			}
			if err := c.check(schema, example); err != nil {
				t.Errorf("%s, %s: %v", pointer, where, err)
			}
		}
	})
	t.Logf("%d examples", checked)
}

func TestEveryMessageHasAnExample(t *testing.T) {
	c := theContract(t)
	visit(c.document, "", func(pointer string, object map[string]any) {
		_, carriesSchema := object["schema"]
		isComponent := regexp.MustCompile(`^/components/schemas/[^/]+$`).MatchString(pointer)
		// The schema of a stream has examples of events.
		isStream := strings.HasSuffix(pointer, "/text~1event-stream")
		if (carriesSchema && !isStream || isComponent) && len(examplesOf(object)) == 0 {
			t.Errorf("%s has no example", pointer)
		}
	})
}

func TestEveryOperationIsDescribed(t *testing.T) {
	ids := map[string]string{}
	theContract(t).operations(func(name string, operation map[string]any) {
		id, _ := operation["operationId"].(string)
		if id == "" || operation["summary"] == nil || operation["tags"] == nil {
			t.Errorf("%s lacks an operationId, a summary or tags", name)
		}
		if other, taken := ids[id]; taken {
			t.Errorf("%s and %s are both called %s", name, other, id)
		}
		ids[id] = name
	})
}

func TestEveryProblemCodeIsExplainedOnce(t *testing.T) {
	c := theContract(t)
	description := c.at("components", "schemas", "ProblemCode", "description").(string)
	var explained []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(description, -1) {
		explained = append(explained, row[1])
	}
	if codes := problemCodes(c); !slices.Equal(explained, codes) {
		t.Errorf("the table explains\n%v\nthe enum has\n%v", explained, codes)
	}
}

func TestEveryEventOfTheStreamHasASchema(t *testing.T) {
	c := theContract(t)
	for event, schema := range eventSchemas(t, c) {
		if c.at("components", "schemas", schema) == nil {
			t.Errorf("%s names the schema %s, which does not exist", event, schema)
		}
	}
}

// problemCodes returns the codes of the contract, in its order.
func problemCodes(c *contract) []string {
	var codes []string
	for _, code := range c.at("components", "schemas", "ProblemCode", "enum").([]any) {
		codes = append(codes, code.(string))
	}
	return codes
}

// eventSchemas reads the tables of events, which OpenAPI 3.1 has no notation for, from the descriptions.
func eventSchemas(t *testing.T, c *contract) map[string]string {
	t.Helper()
	schemas := map[string]string{}
	c.operations(func(_ string, operation map[string]any) {
		description, _ := operation["description"].(string)
		for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| `(\\w+)` \\|").FindAllStringSubmatch(description, -1) {
			schemas[row[1]] = row[2]
		}
	})
	if len(schemas) == 0 {
		t.Fatal("no description has a table of events")
	}
	return schemas
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
