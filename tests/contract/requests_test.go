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
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pb33f/jsonschema/v6"
)

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
		if !digits.MatchString(text) {
			return errors.New("it is not an integer in decimal digits")
		}
		value = json.Number(text)
	}
	return c.closed.check(at+"/schema", value)
}

// digits matches the only text of an integer in a URL or a header.
var digits = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

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
				if p.object["explode"] != true || p.object["style"] != "form" {
					return fmt.Errorf("the parameter %s is sent once for each value", name)
				}
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
