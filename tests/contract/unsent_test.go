package contract

import (
	"fmt"
	"strings"
)

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
