package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"

	"github.com/swaggest/swgui/v5emb"

	"github.com/pathsync/pathsync"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// embedded returns a handler that serves a file of the binary.
func embedded(contentType string, text func() []byte) handler {
	return func(w *response, _ *request) error {
		w.Header().Set("Cache-Control", "no-cache")
		return w.blob(contentType, text())
	}
}

func contract() []byte       { return pathsync.OpenAPI }
func pathOperations() []byte { return pathsync.PathOperations }

// docsBase is the path of the files of the page /docs.
const docsBase = "/docs/"

// swagger shows the contract in a browser. All its files are embedded.
var swagger = v5emb.New("pathsync", "/openapi.yaml", docsBase)

// docs is the page of swagger, rendered once.
var docs = newDocsPage()

type docsPage struct {
	html   []byte
	policy string          // Content-Security-Policy
	files  map[string]bool // names of the files that the page loads
}

var (
	inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)
	docsFile     = regexp.MustCompile(`(?:src|href)="` + docsBase + `([^"]+)"`)
)

// newDocsPage renders the page. The policy allows its inline scripts by their hashes, and inline styles, because Swagger UI
// writes style attributes.
func newDocsPage() docsPage {
	rendered := httptest.NewRecorder()
	swagger.ServeHTTP(rendered, httptest.NewRequest(http.MethodGet, docsBase, nil))
	p := docsPage{html: bytes.TrimSpace(rendered.Body.Bytes()), files: map[string]bool{}}
	var scripts strings.Builder
	for _, script := range inlineScript.FindAllSubmatch(p.html, -1) {
		hash := sha256.Sum256(script[1])
		scripts.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'")
	}
	p.policy = "default-src 'none'; script-src 'self'" + scripts.String() + "; style-src 'self' 'unsafe-inline'; " +
		"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	for _, name := range docsFile.FindAllSubmatch(p.html, -1) {
		p.files[string(name[1])] = true
	}
	return p
}

// getDocs serves the page and the files that it loads.
func (s *Server) getDocs(w *response, r *request) error {
	h := w.Header()
	name := r.PathValue("*")
	switch {
	case name == "":
		h.Set("Content-Security-Policy", docs.policy)
		h.Set("Cache-Control", "no-cache")
		return w.blob(htmlContentType, docs.html)
	case docs.files[name]:
		swagger.ServeHTTP(w, r.Request)
		return nil
	default:
		return problem.New(problem.RouteNotFound, "")
	}
}
