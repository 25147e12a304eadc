package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/swaggest/swgui/v5emb"

	"github.com/pathsync/pathsync"
)

// getContract serves the OpenAPI file that this server was built with.
func (s *Server) getContract(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-cache")
	return whole(c, "application/yaml", pathsync.OpenAPI)
}

// docsBase is where the files of the page /docs are.
const docsBase = "/docs/"

// swagger shows the contract in a browser, with everything it needs embedded: nothing is loaded from elsewhere.
var swagger = v5emb.New("pathsync", "/openapi.yaml", docsBase)

// docs is the page of swagger, rendered once, and what it may do.
var docs = newDocsPage()

type docsPage struct {
	html   []byte
	policy string
	files  map[string]bool // names of the files that the page loads
}

var (
	inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)
	docsFile     = regexp.MustCompile(`(?:src|href)="` + docsBase + `([^"]+)"`)
)

// newDocsPage renders the page. Its inline scripts are allowed by their hashes, and its styles inline, because Swagger UI
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
func (s *Server) getDocs(c echo.Context) error {
	h := c.Response().Header()
	name := c.Param("*")
	switch {
	case name == "":
		h.Set("Content-Security-Policy", docs.policy)
		h.Set("Cache-Control", "no-cache")
		return whole(c, echo.MIMETextHTMLCharsetUTF8, docs.html)
	case docs.files[name]:
		swagger.ServeHTTP(c.Response(), c.Request())
		return nil
	default:
		return echo.ErrNotFound
	}
}
