package httpapi

import (
	"embed"
	"net/http"
	"path"
	"strconv"

	"github.com/labstack/echo/v4"
)

// playground is the page at / and what it loads: js-client/playground as `npm run playground` builds it. The built files
// are part of the repository, so that the server needs Go and nothing else.
//
//go:embed playground/index.html playground/assets
var playground embed.FS

// pagePolicy lets the page load what comes with the server, talk to it, and nothing else. Vue sets inline styles through
// the object model, which no policy forbids.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// assetTypes are the media types of what the build makes. The system's own table differs from machine to machine.
var assetTypes = map[string]string{
	".js":  "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
}

// getPlayground serves the page. Its name stays the same when its content changes, so browsers ask each time.
func (s *Server) getPlayground(c echo.Context) error {
	page, err := playground.ReadFile("playground/index.html")
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cache-Control", "no-cache")
	return whole(c, echo.MIMETextHTMLCharsetUTF8, page)
}

// getAsset serves a file that the page loads. The hash of its content is in its name, so it may be kept for ever.
func (s *Server) getAsset(c echo.Context) error {
	name := path.Base(c.Request().URL.Path)
	mediaType, known := assetTypes[path.Ext(name)]
	content, err := playground.ReadFile(path.Join("playground/assets", name))
	if err != nil || !known || c.Param("*") != name {
		return echo.ErrNotFound
	}
	c.Response().Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	return whole(c, mediaType, content)
}

// whole answers with a file. To HEAD, net/http sends the headers only; the length has to be among them.
func whole(c echo.Context, mediaType string, content []byte) error {
	c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(content)))
	return c.Blob(http.StatusOK, mediaType, content)
}
