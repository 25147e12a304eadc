package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
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

// contract is openapi.yaml in several forms.
type contract struct {
	described *schemas // as it is
	strict    *schemas // as strict as the server, see strict
	closed    *schemas // strict, and without members that are not described, see closeObjects

	templates map[string][]string                 // of the paths of operations, by operation
	judge     func() (validator.Validator, error) // checks HTTP messages against the strict form
}

// schemas is a document whose schemas can be compiled one by one. It is safe for concurrent use.
type schemas struct {
	document map[string]any

	mu       sync.Mutex // guards the fields below
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema // by pointer
	resolved map[string]reference          // by pointer
}

// reference is the target of a pointer.
type reference struct {
	object map[string]any
	at     string
}

// documentURL is the URL of the document in the schema compiler; `$ref`s are relative to it.
const documentURL = "mem:///openapi.yaml"

func newSchemas(document map[string]any) (*schemas, error) {
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(documentURL, document); err != nil {
		return nil, fmt.Errorf("reading the schemas: %w", err)
	}
	return &schemas{document: document, compiler: compiler, compiled: map[string]*jsonschema.Schema{}, resolved: map[string]reference{}}, nil
}

// newContract returns the contract of a document in JSON.
func newContract(text []byte) (*contract, error) {
	var forms [3]*schemas
	for i, change := range []func(map[string]any){func(map[string]any) {}, strict, func(d map[string]any) { strict(d); closeObjects(d) }} {
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		change(document.(map[string]any))
		if forms[i], err = newSchemas(document.(map[string]any)); err != nil {
			return nil, err
		}
	}
	c := &contract{described: forms[0], strict: forms[1], closed: forms[2], templates: map[string][]string{}}
	c.operations(func(name string, _ map[string]any) {
		_, path, _ := strings.Cut(name, " ")
		c.templates[name] = strings.Split(path, "/")
	})
	c.judge = sync.OnceValues(func() (validator.Validator, error) {
		text, err := json.Marshal(c.strict.document)
		if err != nil {
			return nil, err
		}
		return newJudge(text, complete()...)
	})
	return c, nil
}

// newJudge returns a validator of HTTP messages.
func newJudge(text []byte, options ...config.Option) (validator.Validator, error) {
	parsed, err := libopenapi.NewDocument(text)
	if err != nil {
		return nil, fmt.Errorf("reading openapi.yaml: %w", err)
	}
	judge, errs := validator.NewValidator(parsed, options...)
	if len(errs) > 0 {
		return nil, fmt.Errorf("building the validator: %w", errs[0])
	}
	return judge, nil
}

// contractJSON is openapi.yaml as JSON.
var contractJSON = sync.OnceValues(func() ([]byte, error) { return toJSON(pathsync.OpenAPI) })

// toJSON returns YAML as JSON. Numbers keep their text.
func toJSON(text []byte) ([]byte, error) {
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return nil, fmt.Errorf("decoding YAML: %w", err)
	}
	return json.Marshal(value)
}

var load = sync.OnceValues(func() (*contract, error) {
	text, err := contractJSON()
	if err != nil {
		return nil, err
	}
	return newContract(text)
})

// complete makes the validator reject parameters and headers that the contract permits but does not describe. Exceptions are
// headers that checkEveryResponse checks, and headers of the Fetch standard. Members of bodies are checked by contract.closed.
func complete() []config.Option {
	return []config.Option{
		config.WithStrictMode(),
		config.WithStrictIgnorePaths("$.body.**", "$.body"),
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

// check validates a value against the schema at a JSON pointer of the document.
func (s *schemas) check(pointer string, value any) error {
	schema, err := s.compile(pointer)
	if err != nil {
		return fmt.Errorf("compiling the schema: %w", err)
	}
	return schema.Validate(value)
}

func (s *schemas) compile(pointer string) (schema *jsonschema.Schema, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if schema = s.compiled[pointer]; schema == nil {
		if schema, err = s.compiler.Compile(documentURL + "#" + pointer); err == nil {
			s.compiled[pointer] = schema
		}
	}
	return schema, err
}

// checkJSON validates JSON text against the schema at a JSON pointer.
func (s *schemas) checkJSON(pointer string, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("decoding JSON: %w", err)
	}
	return s.check(pointer, value)
}

// resolve returns the object at a JSON pointer, and the pointer of that object, which differs if the object refers to another.
func (s *schemas) resolve(pointer string) (object map[string]any, at string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, known := s.resolved[pointer]
	if !known {
		r = s.follow(pointer)
		s.resolved[pointer] = r
	}
	return r.object, r.at
}

func (s *schemas) follow(pointer string) reference {
	for {
		part := any(s.document)
		for _, name := range strings.Split(pointer, "/")[1:] {
			switch node := part.(type) {
			case map[string]any:
				part = node[unescapes.Replace(name)]
			case []any:
				i, err := strconv.Atoi(name)
				if err != nil || i >= len(node) {
					return reference{nil, pointer}
				}
				part = node[i]
			default:
				return reference{nil, pointer}
			}
		}
		object, _ := part.(map[string]any)
		target, ok := object["$ref"].(string)
		if !ok {
			return reference{object, pointer}
		}
		pointer = strings.TrimPrefix(target, "#")
	}
}

// at returns the part of the document at a path of member names.
func (s *schemas) at(names ...string) any {
	var part any = s.document
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
	for path, item := range c.described.at("paths").(map[string]any) {
		for method, operation := range item.(map[string]any) {
			if method != "parameters" {
				visit(strings.ToUpper(method)+" "+path, operation.(map[string]any))
			}
		}
	}
}

// within returns the part of a value at a path of member names.
func (s *schemas) within(value any, names ...string) any {
	for _, name := range names {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

// pathOf returns the member names that lead to an operation.
func pathOf(operation string) []string {
	method, path, _ := strings.Cut(operation, " ")
	return []string{"paths", path, strings.ToLower(method)}
}

// escapes makes a member name a part of a JSON pointer inside a URL fragment.
var (
	escapes   = strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", "{", "%7B", "}", "%7D")
	unescapes = strings.NewReplacer("~1", "/", "~0", "~", "%25", "%", "%7B", "{", "%7D", "}")
)

func escape(name string) string { return escapes.Replace(name) }

// pointerTo returns the JSON pointer to a path of member names.
func pointerTo(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("/" + escape(name))
	}
	return b.String()
}
