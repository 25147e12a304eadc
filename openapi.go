// Package pathsync holds the contract of the server's HTTP API. Package server assembles the server.
package pathsync

import (
	_ "embed"
	"regexp"
	"strings"
	"sync"
)

// OpenAPI is openapi.yaml: the OpenAPI 3.1 description of version 1 of the HTTP API, in UTF-8. The server offers it at
// /openapi.yaml, and tests/contract holds every route, status and body against it. It must not be changed.
//
//go:embed openapi.yaml
var OpenAPI []byte

// PathOperations is docs/reference/path-operations.md: the effect of each operation, for authors of clients. The server offers it at
// /path-operations.md. It must not be changed.
//
//go:embed docs/reference/path-operations.md
var PathOperations []byte

// OpenAPI32 returns the contract in OpenAPI 3.2, which describes the events of a stream with itemSchema. There, the data of
// an event is a string that contains JSON. The result must not be changed.
var OpenAPI32 = sync.OnceValue(func() []byte {
	text := strings.Replace(string(OpenAPI), "openapi: 3.1.0\n", "openapi: 3.2.0\n", 1)
	text = strings.ReplaceAll(text, "text/event-stream:\n              schema:\n", "text/event-stream:\n              itemSchema:\n")
	text = eventExamples.ReplaceAllString(text, "")
	return []byte(eventData.ReplaceAllString(text, `$1          type: string
          contentMediaType: application/json
          contentSchema:
            $2`))
})

// eventData matches the member data of the schemas of events; no other schema has one. eventExamples matches their examples.
var (
	eventData     = regexp.MustCompile(`(?m)^(        data:\n)          (\$ref: .*\n)`)
	eventExamples = regexp.MustCompile(`(?m)^      examples:\n        - \{event: .*\}\n`)
)
