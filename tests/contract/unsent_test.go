package contract

import (
	"fmt"
	"slices"
	"strings"
)

// noInternalError are the operations of which no test causes a 500: only a fault of the program would.
var noInternalError = []string{
	"GET /", "GET /docs", "GET /healthz", "GET /openapi-3.2.yaml", "GET /openapi.yaml", "GET /path-operations.md", "GET /readyz",
	"GET /v1/probe", "POST /v1/probe/{name}",
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
		operation, fault := strings.CutSuffix(what, " 500 internal")
		if fault && slices.Contains(noInternalError, operation) {
			if seen[what] {
				f.add("%s was sent, and is in noInternalError", what)
			}
		} else if !seen[what] {
			f.add("%s is described, and was never sent", what)
		}
	}
	for what := range seen {
		if !described[what] {
			f.add("%s was sent, and is not described", what)
		}
	}
	return found
}
