package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/go-yaml"
	"github.com/pb33f/jsonschema/v6"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"

	"github.com/pathsync/pathsync"
)

// contract is openapi.yaml, made strict, in two forms: as plain data, whose schemas can be compiled one by one, and as the
// model with which the checker checks HTTP messages.
type contract struct {
	document  map[string]any
	validator validator.Validator

	mu       sync.Mutex // guards compiler
	compiler *jsonschema.Compiler
}

// documentURL is the URL of the document in the schema compiler; `$ref`s are relative to it.
const documentURL = "mem:///openapi.yaml"

var load = sync.OnceValues(func() (*contract, error) {
	document, err := decodeYAML(pathsync.OpenAPI)
	if err != nil {
		return nil, fmt.Errorf("decoding openapi.yaml: %w", err)
	}
	strict(document.(map[string]any))
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(documentURL, document); err != nil {
		return nil, fmt.Errorf("reading the schemas: %w", err)
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	parsed, err := libopenapi.NewDocument(text)
	if err != nil {
		return nil, fmt.Errorf("reading openapi.yaml: %w", err)
	}
	judge, errs := validator.NewValidator(parsed, complete()...)
	if len(errs) > 0 {
		return nil, fmt.Errorf("building the checker: %w", errs[0])
	}
	return &contract{document: document.(map[string]any), compiler: compiler, validator: judge}, nil
})

// complete makes the checker reject members and headers that the contract permits but does not describe: the server must
// not send any. Exceptions are the application's data, headers that checkEveryResponse checks, and headers of the Fetch standard.
func complete() []config.Option {
	return []config.Option{
		config.WithStrictMode(),
		config.WithStrictIgnorePaths(
			"$.body.**.value.**", "$.body.state.**", "$.body.stores.**", "$.body.meta.**", "$.body.**.meta.**"),
		config.WithStrictIgnoredHeadersExtra("Cache-Control", "X-Request-Id",
			"X-Content-Type-Options", "Referrer-Policy", "Content-Security-Policy", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers"),
	}
}

func theContract(t *testing.T) *contract {
	t.Helper()
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// decodeYAML decodes YAML into the types of JSON Schema: maps with string keys, and numbers with their exact text.
func decodeYAML(text []byte) (any, error) {
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return nil, err
	}
	asJSON, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
}

// check validates a value against the schema at a JSON pointer of the document.
func (c *contract) check(pointer string, value any) error {
	c.mu.Lock()
	schema, err := c.compiler.Compile(documentURL + "#" + pointer)
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("compiling the schema: %w", err)
	}
	return schema.Validate(value)
}

// checkJSON validates JSON text against a schema of the components, by name.
func (c *contract) checkJSON(component string, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("decoding JSON: %w", err)
	}
	return c.check("/components/schemas/"+component, value)
}

// at returns the part of the document at a path of member names.
func (c *contract) at(names ...string) any {
	var part any = c.document
	for _, name := range names {
		object, ok := part.(map[string]any)
		if !ok {
			return nil
		}
		part = object[name]
	}
	return part
}

// operations calls visit for every operation, with its name as in "GET /v1/rooms/{room}".
func (c *contract) operations(visit func(name string, operation map[string]any)) {
	for path, item := range c.at("paths").(map[string]any) {
		for method, operation := range item.(map[string]any) {
			if method != "parameters" {
				visit(strings.ToUpper(method)+" "+path, operation.(map[string]any))
			}
		}
	}
}

// escape makes a member name a part of a JSON pointer inside a URL fragment.
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", "{", "%7B", "}", "%7D").Replace(name)
}
