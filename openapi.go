// Package pathsync holds the contract of the server's HTTP API. Package server assembles the server.
package pathsync

import _ "embed"

// OpenAPI is openapi.yaml: the OpenAPI 3.1 description of version 1 of the HTTP API, in UTF-8. The server offers it at
// /openapi.yaml, and tests/contract holds every route, status and body against it. It must not be changed.
//
//go:embed openapi.yaml
var OpenAPI []byte
