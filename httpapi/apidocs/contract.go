package apidocs

import (
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pathsync/pathsync/guide"
)

// view is what the page shows.
type view struct {
	Title, Version, Summary string
	Description             template.HTML
	Sections                []section // of the description
	Tags                    []tag
	Responses               []response // that several operations have
	Schemas                 []schema
}

type section struct{ Text, Anchor string }

type tag struct {
	Name, Description string
	Operations        []operation
}

type operation struct {
	ID, Method, Path, Summary string
	Description               template.HTML
	Parameters                []parameter
	Body                      *body
	Responses                 []response
	Words                     string // in lower case, for the filter
}

type parameter struct {
	Name, In, Example string
	Description       template.HTML
	Type              typeText
	Required, List    bool
}

type body struct {
	Description template.HTML
	Type        typeText
	Examples    []example
}

type example struct{ Summary, Text string }

type response struct {
	Status, Reason, Media string
	Name                  string // of a response that several operations have
	Description           template.HTML
	Codes                 []string
	Type                  typeText
	Headers               []header
	Examples              []example
}

type header struct {
	Name        string
	Description template.HTML
}

type schema struct {
	Name        string
	Description template.HTML
	Type        typeText
	Properties  []property
	Examples    []example
}

type property struct {
	Name        string
	Type        typeText
	Required    bool
	Description template.HTML
}

// methods are those of an OpenAPI path, in the order in which the page shows them.
var methods = []string{"get", "put", "post", "delete"}

// read returns the view of a contract.
func read(contract node) (v view, err error) {
	defer func() {
		if r := recover(); r != nil {
			failed, ok := r.(markdownError)
			if !ok {
				panic(r)
			}
			err = failed.error
		}
	}()
	v = view{
		Title: contract.get("info", "title").text(), Version: contract.get("info", "version").text(),
		Summary: contract.get("info", "summary").text(), Description: markdown(contract.get("info", "description")),
	}
	for _, title := range title.FindAllStringSubmatch(contract.get("info", "description").text(), -1) {
		v.Sections = append(v.Sections, section{title[1], guide.Anchor(title[1])})
	}
	for t := range contract.get("tags").items() {
		v.Tags = append(v.Tags, tag{Name: t.get("name").text(), Description: t.get("description").text()})
	}
	for path, item := range contract.get("paths").members() {
		for _, method := range methods {
			if o := item.get(method); o.exists() {
				i := slices.IndexFunc(v.Tags, func(t tag) bool { return slices.Contains(o.get("tags").texts(), t.Name) })
				if i < 0 {
					return v, fmt.Errorf("the tag of %s %s is not described", method, path)
				}
				v.Tags[i].Operations = append(v.Tags[i].Operations, readOperation(method, path, item, o))
			}
		}
	}
	for name, r := range contract.get("components", "responses").members() {
		shared := readResponse("", r)
		shared.Name = name
		v.Responses = append(v.Responses, shared)
	}
	for name, s := range contract.get("components", "schemas").members() {
		v.Schemas = append(v.Schemas, readSchema(name, s))
	}
	return v, nil
}

func readOperation(method, path string, item, o node) operation {
	op := operation{
		ID: o.get("operationId").text(), Method: strings.ToUpper(method), Path: path, Summary: o.get("summary").text(),
		Description: markdown(o.get("description")),
	}
	for _, parameters := range []node{item.get("parameters"), o.get("parameters")} {
		for p := range parameters.items() {
			op.Parameters = append(op.Parameters, readParameter(p))
		}
	}
	if b := o.get("requestBody"); b.exists() {
		content := b.get("content", "application/json")
		op.Body = &body{Description: markdown(b.get("description")), Type: typeOf(content.get("schema")), Examples: examplesOf(content)}
	}
	for status, r := range o.get("responses").members() {
		op.Responses = append(op.Responses, readResponse(status, r))
	}
	op.Words = strings.ToLower(strings.Join([]string{op.ID, op.Method, op.Path, op.Summary, o.get("description").text()}, " "))
	return op
}

func readParameter(p node) parameter {
	read := parameter{
		Name: p.get("name").text(), In: p.get("in").text(), Description: markdown(p.get("description")), Type: typeOf(p.get("schema")),
		Required: p.get("required").text() == "true", List: p.get("schema", "type").text() == "array",
	}
	read.Example = strings.Join(p.get("example").texts(), "\n")
	return read
}

func readResponse(status string, r node) response {
	read := response{Status: status, Description: markdown(r.get("description"))}
	if code, err := strconv.Atoi(status); err == nil {
		read.Reason = http.StatusText(code)
	}
	read.Name, _ = strings.CutPrefix(r.reference(), "components/responses/")
	for media, content := range r.get("content").members() {
		read.Media, read.Type, read.Codes = media, typeOf(content.get("schema")), content.get("x-problem-codes").texts()
		read.Examples = examplesOf(content)
	}
	for name, h := range r.get("headers").members() {
		read.Headers = append(read.Headers, header{name, markdown(h.get("description"))})
	}
	return read
}

func readSchema(name string, s node) schema {
	read := schema{Name: name, Description: markdown(s.get("description")), Type: typeOf(s)}
	required := s.get("required").texts()
	for name, p := range s.get("properties").members() {
		description := p.member("description") // beside a reference, it replaces the one there
		if !description.exists() {
			description = p.get("description")
		}
		read.Properties = append(read.Properties, property{name, typeOf(p), slices.Contains(required, name), markdown(description)})
	}
	for e := range s.get("examples").items() {
		read.Examples = append(read.Examples, example{Text: e.json()})
	}
	return read
}

func examplesOf(content node) (all []example) {
	show := func(summary string, value node) {
		text := value.text()
		if text == "" || value.yaml.Tag != "!!str" {
			text = value.json()
		}
		all = append(all, example{summary, text})
	}
	if e := content.get("example"); e.exists() {
		show("", e)
	}
	for _, e := range content.get("examples").members() {
		show(e.get("summary").text(), e.get("value"))
	}
	return all
}

var title = regexp.MustCompile(`(?m)^## (.+)$`)

type markdownError struct{ error }

// markdown renders a description. It panics with a markdownError.
func markdown(n node) template.HTML {
	html, err := guide.Fragment(n.text())
	if err != nil {
		panic(markdownError{err})
	}
	return html
}
