package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	judged "github.com/pb33f/libopenapi-validator/errors"
)

// checker is a transport that validates requests and responses against the contract, and records the statuses seen.
type checker struct {
	t        *testing.T
	contract *contract

	mu   sync.Mutex
	seen map[string]bool // as in "GET /v1/rooms/{room} 200"
}

func newChecker(t *testing.T) *checker {
	return &checker{t: t, contract: theContract(t), seen: map[string]bool{}}
}

// RoundTrip implements http.RoundTripper.
func (w *checker) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	name, known := w.contract.operationOf(req)
	if err := checkEveryResponse(resp.Header); err != nil {
		w.t.Errorf("%s: %v", name, err)
	}
	if !known {
		if err := w.checkUnknown(resp); err != nil {
			w.t.Errorf("%s: %v", name, err)
		}
		return resp, nil
	}
	w.mu.Lock()
	w.seen[fmt.Sprintf("%s %d", name, resp.StatusCode)] = true
	w.mu.Unlock()
	if ok, errs := w.contract.validator.ValidateHttpResponse(req, resp); !ok {
		w.t.Errorf("%s answers %d, which breaks the contract: %s", name, resp.StatusCode, reasons(errs))
	}
	if described := w.contract.headersOf(name, resp.StatusCode); described["Cache-Control"] == nil && hasJSON(resp) &&
		resp.Header.Get("Cache-Control") != "no-store" {
		w.t.Errorf("%s answers %d with Cache-Control %q, and the contract describes none", name, resp.StatusCode, resp.Header.Get("Cache-Control"))
	}
	// A request that the server accepts must be valid under the contract. Invalid requests test the rejection.
	if resp.StatusCode < 400 {
		if ok, errs := w.contract.validator.ValidateHttpRequest(replay(req)); !ok {
			w.t.Errorf("%s is answered %d, and is not in the contract: %s", name, resp.StatusCode, reasons(errs))
		}
	}
	return resp, nil
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

func hasJSON(resp *http.Response) bool {
	kind := resp.Header.Get("Content-Type")
	return kind == "application/json" || kind == "application/problem+json"
}

// headersOf returns the headers that the contract describes for a response.
func (c *contract) headersOf(operation string, status int) map[string]any {
	method, path, _ := strings.Cut(operation, " ")
	response, _ := c.at("paths", path, strings.ToLower(method), "responses", strconv.Itoa(status)).(map[string]any)
	if ref, ok := response["$ref"].(string); ok {
		response, _ = c.at("components", "responses", strings.TrimPrefix(ref, "#/components/responses/")).(map[string]any)
	}
	headers, _ := response["headers"].(map[string]any)
	return headers
}

// replay returns the request with its body unread.
func replay(req *http.Request) *http.Request {
	again := req.Clone(req.Context())
	if req.GetBody != nil {
		again.Body, _ = req.GetBody()
	}
	return again
}

// checkUnknown checks responses for paths and methods that are not in the contract: they must be 404 and 405.
func (w *checker) checkUnknown(resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if kind := resp.Header.Get("Content-Type"); kind != "application/problem+json" {
		return fmt.Errorf("%s with content type %q", resp.Status, kind)
	}
	if resp.StatusCode == http.StatusMethodNotAllowed && resp.Header.Get("Allow") == "" {
		return fmt.Errorf("%s without Allow", resp.Status)
	}
	return w.contract.checkJSON("Problem", body)
}

// operationOf names the operation that a request is for, as in "GET /v1/rooms/{room}".
func (c *contract) operationOf(req *http.Request) (name string, known bool) {
	segments := strings.Split(req.URL.EscapedPath(), "/")
	c.operations(func(candidate string, _ map[string]any) {
		method, path, _ := strings.Cut(candidate, " ")
		if method == req.Method && matches(strings.Split(path, "/"), segments) {
			name, known = candidate, true
		}
	})
	if !known {
		name = req.Method + " " + req.URL.EscapedPath()
	}
	return name, known
}

func matches(template, segments []string) bool {
	if len(template) != len(segments) {
		return false
	}
	for i := range template {
		if template[i] != segments[i] && (!strings.HasPrefix(template[i], "{") || segments[i] == "") {
			return false
		}
	}
	return true
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
