package contract

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pb33f/jsonschema/v6"
	judged "github.com/pb33f/libopenapi-validator/errors"
)

// check compares the contract with the traffic of a test run. It returns what differs. TestPlantedErrorsAreFound shows that
// each check finds something.
type check struct {
	name string
	find func(c *contract, r *recording) []string
}

var checks = []check{
	{"the document is valid OpenAPI", findInvalidDocument},
	{"operations are described", findUndescribedOperations},
	{"examples are valid", findInvalidExamples},
	{"samples are valid", findInvalidSamples},
	{"figures are those of the server", findWrongFigures},
	{"problem codes are those of the server", findWrongCodes},
	{"responses are as described", findWrongResponses},
	{"a public validator accepts the traffic", findRefusalsOfValidator},
	{"other requests are answered with problems", findWrongRefusals},
	{"the described responses are sent", findUnsentResponses},
	{"the described headers are sent", findUnsentHeaders},
	{"the described members and values occur", findUnsentMembers},
	{"the described parameters are accepted", findUnusedParameters},
	{"streams are as described", findWrongStreams},
	{"the described events are sent", findUnsentEvents},
	{"folded streams are the state", findWrongFold},
	{"defaults are those of the server", findWrongDefaults},
}

// findings collects what a check finds.
type findings []string

func (f *findings) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// findWrongResponses checks the status, the headers and the body of responses, and the requests that the server has accepted.
// Headers, parameters and members that are not described are errors.
func findWrongResponses(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	for _, e := range r.all {
		if err := checkEveryResponse(e.header); err != nil {
			f.add("%v: %v", e, err)
		}
	}
	r.described(c, func(name string, e *exchange) {
		at := pointerTo(pathOf(name)...) + "/responses/" + strconv.Itoa(e.status)
		response, at := c.closed.resolve(at)
		if response == nil {
			f.add("%v: the status is not described", e)
			return
		}
		if err := c.checkHeaders(at, response, e); err != nil {
			f.add("%v: %v", e, err)
		}
		kind, _, _ := strings.Cut(e.header.Get("Content-Type"), ";")
		if (c.closed.within(response, "content", kind) == nil) != (kind == "") {
			f.add("%v: the content type %q is not described", e, kind)
		} else if isJSON(kind) {
			if err := c.closed.checkJSON(at+pointerTo("content", kind, "schema"), e.received); err != nil {
				f.add("%v: %v", e, err)
			}
		}
		if e.status < 400 {
			if err := c.checkRequest(name, e); err != nil {
				f.add("%v, and is not in the contract: %v", e, err)
			}
		}
	})
	return found
}

// otherHeaders are headers that the contract describes once, for all responses, or that HTTP and the Fetch standard define.
var otherHeaders = []string{
	"Cache-Control", "Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options", "X-Request-Id",
	"Access-Control-Allow-Credentials", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Vary",
	"Connection", "Content-Length", "Content-Type", "Date", "Transfer-Encoding",
}

// checkHeaders checks the headers of a response that is described at a pointer.
func (c *contract) checkHeaders(pointer string, response map[string]any, e *exchange) error {
	described := map[string]any{}
	if headers, ok := response["headers"].(map[string]any); ok {
		for name, header := range headers {
			described[http.CanonicalHeaderKey(name)] = header
		}
	}
	for name := range e.header {
		if described[name] == nil && !slices.Contains(otherHeaders, name) {
			return fmt.Errorf("the header %s is not described", name)
		}
	}
	if described["Cache-Control"] == nil && isJSON(e.header.Get("Content-Type")) && e.header.Get("Cache-Control") != "no-store" {
		return fmt.Errorf("Cache-Control is %q, and the contract describes none", e.header.Get("Cache-Control"))
	}
	headers, _ := response["headers"].(map[string]any)
	for name := range headers {
		if err := c.checkText(pointer+"/headers/"+name, e.header.Get(name)); err != nil {
			return fmt.Errorf("the header %s: %w", name, err)
		}
	}
	return nil
}

// checkText checks the text of a header or of a parameter that is described at a pointer; "": it is absent.
func (c *contract) checkText(pointer, text string) error {
	described, at := c.closed.resolve(pointer)
	if text == "" {
		if described["required"] == true {
			return errors.New("it is missing")
		}
		return nil
	}
	value := any(text)
	if c.closed.within(described, "schema", "type") == "integer" {
		value = json.Number(text)
	}
	return c.closed.check(at+"/schema", value)
}

// checkRequest checks the parameters and the body of a request. Those that are not described are errors.
func (c *contract) checkRequest(operation string, e *exchange) error {
	query := e.url.Query()
	for _, p := range c.parametersOf(operation) {
		name, at := p.object["name"].(string), p.pointer
		var err error
		switch p.object["in"] {
		case "header":
			err = c.checkText(at, e.sentHeader.Get(name))
		case "path":
			err = c.checkText(at, e.pathValue(c.templates[operation], name))
		case "query":
			if c.closed.within(p.object, "schema", "type") == "array" {
				var list []any
				for _, value := range query[name] {
					list = append(list, value)
				}
				err = c.closed.check(at+"/schema", list)
			} else {
				err = c.checkText(at, query.Get(name))
			}
			delete(query, name)
		}
		if err != nil {
			return fmt.Errorf("the parameter %s: %w", name, err)
		}
	}
	if len(query) > 0 {
		return fmt.Errorf("the parameters %v are not described", slices.Sorted(maps.Keys(query)))
	}
	if body, at := c.closed.resolve(pointerTo(pathOf(operation)...) + "/requestBody"); body != nil && e.sent != nil {
		return c.closed.checkJSON(at+pointerTo("content", "application/json", "schema"), e.sent)
	}
	return nil
}

// pathValue returns the value of a parameter in the path.
func (e *exchange) pathValue(template []string, name string) string {
	segments := strings.Split(e.url.EscapedPath(), "/")
	value, _ := url.PathUnescape(segments[slices.Index(template, "{"+name+"}")])
	return value
}

// findRefusalsOfValidator validates responses, and the requests that the server has accepted, with a public validator, which
// knows nothing of the code above. It is slow, so one exchange of each kind suffices.
func findRefusalsOfValidator(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	judge, err := c.judge()
	if err != nil {
		return []string{err.Error()}
	}
	r.sample(c).described(c, func(_ string, e *exchange) {
		if ok, errs := judge.ValidateHttpResponse(e.request(), e.response()); !ok {
			f.add("%v: %s", e, reasons(errs))
		}
		if e.status < 400 {
			if ok, errs := judge.ValidateHttpRequest(e.request()); !ok {
				f.add("%v, and is not in the contract: %s", e, reasons(errs))
			}
		}
	})
	return found
}

// pathOf returns the member names that lead to an operation.
func pathOf(operation string) []string {
	method, path, _ := strings.Cut(operation, " ")
	return []string{"paths", path, strings.ToLower(method)}
}

func isJSON(contentType string) bool {
	return contentType == "application/json" || contentType == "application/problem+json"
}

// checkEveryResponse checks the headers that the contract describes once, for all responses.
func checkEveryResponse(h http.Header) error {
	for name, value := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"} {
		if h.Get(name) != value {
			return fmt.Errorf("%s is %q", name, h.Get(name))
		}
	}
	if policy := h.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
		return fmt.Errorf("Content-Security-Policy is %q", policy)
	}
	if h.Get("X-Request-Id") == "" {
		return errors.New("X-Request-Id is missing")
	}
	return nil
}

// findWrongRefusals checks the responses to paths and methods that are not in the contract. HEAD and OPTIONS have their own
// tests.
func findWrongRefusals(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	codes := []string{"not_found", "method_not_allowed"}
	for _, e := range r.all {
		if _, known := c.operationOf(e); known || e.method == http.MethodHead || e.method == http.MethodOptions {
			continue
		}
		if err := c.closed.checkJSON("/x-closed/Problem", e.received); err != nil || !slices.Contains(codes, e.code()) {
			f.add("%v, want one of %v: %v", e, codes, err)
		}
		if (e.status == http.StatusMethodNotAllowed) != (e.header.Get("Allow") != "") {
			f.add("%v, with Allow %q", e, e.header.Get("Allow"))
		}
	}
	return found
}

// unsent has described responses that no test causes, with the reasons.
var unsent = map[string]string{}

func init() {
	for _, operation := range []string{"GET /v1/probe", "POST /v1/probe/{name}", "GET /healthz", "GET /readyz", "GET /openapi.yaml", "GET /openapi-3.2.yaml", "GET /path-operations.md", "GET /docs", "GET /"} {
		unsent[operation+" 500 internal"] = "only a fault of the program would cause it"
	}
}

// findUnsentResponses compares the described responses, with the codes of problems, with those that were received.
func findUnsentResponses(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	seen := map[string]bool{}
	r.described(c, func(name string, e *exchange) {
		seen[strings.TrimSpace(fmt.Sprint(name, " ", e.status, " ", e.code()))] = true
	})
	described := map[string]bool{}
	c.operations(func(name string, operation map[string]any) {
		for status := range operation["responses"].(map[string]any) {
			response, _ := c.described.resolve(pointerTo(pathOf(name)...) + "/responses/" + status)
			media, _ := c.described.within(response, "content", "application/problem+json").(map[string]any)
			if media == nil {
				described[name+" "+status] = true
				continue
			}
			for _, code := range sliceOf(media["x-problem-codes"]) {
				described[fmt.Sprintf("%s %s %v", name, status, code)] = true
			}
		}
	})
	for what := range described {
		switch reason, excused := unsent[what]; {
		case !seen[what] && !excused:
			f.add("%s is described, and was never sent", what)
		case seen[what] && excused:
			f.add("%s was sent, although %s", what, reason)
		}
	}
	for what := range seen {
		if !described[what] {
			f.add("%s was sent, and is not described", what)
		}
	}
	for what := range unsent {
		if !described[what] {
			f.add("%s has an excuse, and is not described", what)
		}
	}
	return found
}

// within returns the part of a value at a path of member names.
func (s *schemas) within(value any, names ...string) any {
	for _, name := range names {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	return value
}

// findUnusedParameters reports parameters that no accepted request has.
func findUnusedParameters(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	used := map[string]bool{}
	r.described(c, func(name string, e *exchange) {
		if e.status >= 400 {
			return
		}
		for parameter := range e.url.Query() {
			used[name+" query "+parameter] = true
		}
		for parameter := range e.sentHeader {
			used[name+" header "+strings.ToLower(parameter)] = true
		}
	})
	c.operations(func(name string, _ map[string]any) {
		for _, p := range c.parametersOf(name) {
			in, parameter := p.object["in"].(string), p.object["name"].(string)
			if in == "header" {
				parameter = strings.ToLower(parameter)
			}
			if in != "path" && !used[name+" "+in+" "+parameter] {
				f.add("%s: no accepted request has the %s parameter %s", name, in, parameter)
			}
		}
	})
	return found
}

// parameter is a parameter and where it is described.
type parameter struct {
	object  map[string]any
	pointer string
}

// parametersOf returns the parameters of an operation, those of its path included.
func (c *contract) parametersOf(operation string) (all []parameter) {
	path := pathOf(operation)
	for _, list := range [][]string{{path[0], path[1], "parameters"}, append(path, "parameters")} {
		for i := range sliceOf(c.described.at(list...)) {
			object, at := c.described.resolve(pointerTo(append(slices.Clone(list), strconv.Itoa(i))...))
			all = append(all, parameter{object, at})
		}
	}
	return all
}

func reasons(errs []*judged.ValidationError) string {
	var b strings.Builder
	for _, err := range errs {
		fmt.Fprintf(&b, "\n  %s: %s", err.Message, err.Reason)
		for _, cause := range err.SchemaValidationErrors {
			fmt.Fprintf(&b, "\n    %s: %s", cause.FieldPath, cause.Reason)
		}
	}
	return b.String()
}

// findWrongDefaults compares the defaults of parameters with the responses to requests without them.
func findWrongDefaults(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	defaults := map[string]string{}
	c.operations(func(name string, _ map[string]any) {
		for _, p := range c.parametersOf(name) {
			if value := c.described.within(p.object, "schema", "default"); value != nil {
				defaults[fmt.Sprint(name, " ", p.object["name"])] = fmt.Sprint(value)
			}
		}
	})
	actual := map[string]string{"GET /v1/rooms/{room}/changes wait": "0"} // a test without `wait` would otherwise not end
	r.described(c, func(name string, e *exchange) {
		switch {
		case e.status == http.StatusOK && name == "GET /v1/probe":
			for _, item := range e.items() {
				if item.name != "probe-start" {
					continue
				}
				data, _ := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(item.data)))
				for _, parameter := range []string{"seconds", "events", "intervalMs"} {
					if !e.url.Query().Has(parameter) {
						actual[name+" "+parameter] = fmt.Sprint(c.described.within(data, parameter))
					}
				}
			}
		case e.status == http.StatusOK && name == "GET /v1/rooms/{room}/changes" && !e.url.Query().Has("limit") && !e.url.Query().Has("until"):
			page, _ := jsonschema.UnmarshalJSON(bytes.NewReader(e.received))
			if c.described.within(page, "upToDate") == false {
				actual[name+" limit"] = strconv.Itoa(len(sliceOf(c.described.within(page, "changes"))))
			}
		}
	})
	for parameter, value := range defaults {
		if actual[parameter] != value {
			f.add("the default of %s is %s, want %s", parameter, value, cmp.Or(actual[parameter], "one that a test uses"))
		}
	}
	return found
}
