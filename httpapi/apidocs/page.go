package apidocs

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"github.com/pathsync/pathsync/internal/asset"
)

// policy allows the page's own style and script, and requests to its server.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var (
	//go:embed page.html
	pageSource string
	//go:embed page.css
	style []byte
	//go:embed page.js
	script []byte

	layout = template.Must(template.New("page").Parse(pageSource))
)

// New returns the files of the page, by their path below /docs/. The page itself has the name "". contract is an OpenAPI 3.1
// document in YAML, from a source that is trusted.
func New(contract []byte) (map[string]asset.File, error) {
	root, err := parse(contract)
	if err != nil {
		return nil, fmt.Errorf("reading the contract: %w", err)
	}
	v, err := read(root)
	if err != nil {
		return nil, fmt.Errorf("rendering the contract: %w", err)
	}
	var page bytes.Buffer
	if err := layout.Execute(&page, v); err != nil {
		return nil, err
	}
	return map[string]asset.File{
		"":         asset.New("text/html; charset=UTF-8", policy, page.Bytes()),
		"page.css": asset.New("text/css; charset=utf-8", policy, style),
		"page.js":  asset.New("text/javascript; charset=utf-8", policy, script),
	}, nil
}
