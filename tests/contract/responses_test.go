package contract

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// findWrongResponses checks the status, the headers and the body of responses, and the requests that the server has accepted.
// Headers, parameters and members that are not described are errors.
func findWrongResponses(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	for _, e := range r.all {
		if err := checkEveryResponse(e.header, e.url.Path == "/" && e.method != http.MethodOptions && e.status < 400); err != nil {
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
	policy := map[bool]string{true: "no-store", false: ""}[isJSON(e.header.Get("Content-Type"))]
	if described["Cache-Control"] == nil && e.header.Get("Cache-Control") != policy {
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

func isJSON(contentType string) bool {
	return contentType == "application/json" || contentType == "application/problem+json"
}

// checkEveryResponse checks the headers that the contract describes once, for all responses.
func checkEveryResponse(h http.Header, isPlayground bool) error {
	for name, value := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"} {
		if h.Get(name) != value {
			return fmt.Errorf("%s is %q", name, h.Get(name))
		}
	}
	ancestors := "frame-ancestors 'none'"
	if isPlayground {
		ancestors = "frame-ancestors 'self'"
	}
	if policy := h.Get("Content-Security-Policy"); !strings.Contains(policy, ancestors) {
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
