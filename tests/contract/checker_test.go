package contract

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi-validator/errors"
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
	// A request that the server accepts must be valid under the contract. Invalid requests test the rejection.
	if resp.StatusCode < 400 {
		if ok, errs := w.contract.validator.ValidateHttpRequest(replay(req)); !ok {
			w.t.Errorf("%s is answered %d, and is not in the contract: %s", name, resp.StatusCode, reasons(errs))
		}
	}
	return resp, nil
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

func reasons(errs []*errors.ValidationError) string {
	var b strings.Builder
	for _, err := range errs {
		fmt.Fprintf(&b, "\n  %s: %s", err.Message, err.Reason)
		for _, cause := range err.SchemaValidationErrors {
			fmt.Fprintf(&b, "\n    %s: %s", cause.FieldPath, cause.Reason)
		}
	}
	return b.String()
}
