package httpapi

import (
	"embed"
	"path"
	"sync"

	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/internal/asset"
)

// playground is the page at / and its files: js-client/playground, built by `npm run playground`. The built files are part
// of the repository, so that building the server needs only Go.
//
//go:embed playground/index.html playground/assets
var playground embed.FS

// pagePolicy allows the page to load files of the server and to send requests to it. Vue sets inline styles through the
// object model, which no policy forbids.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// assetTypes are the media types of built files. The table of the system differs from machine to machine.
var assetTypes = map[string]string{
	".js":  "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
}

// playgroundFiles are the page, whose name is "", and its files.
var playgroundFiles = sync.OnceValues(func() (map[string]asset.File, error) {
	page, err := playground.ReadFile("playground/index.html")
	if err != nil {
		return nil, err
	}
	files := map[string]asset.File{"": asset.New(htmlContentType, pagePolicy, page)}
	built, err := playground.ReadDir("playground/assets")
	if err != nil {
		return nil, err
	}
	for _, entry := range built {
		content, err := playground.ReadFile(path.Join("playground/assets", entry.Name()))
		if err != nil {
			return nil, err
		}
		if mediaType, known := assetTypes[path.Ext(entry.Name())]; known {
			files[entry.Name()] = asset.New(mediaType, responsePolicy[0], content)
		}
	}
	return files, nil
})

// getPlayground serves the page. Its URL does not change with its content, so browsers revalidate it.
func (s *Server) getPlayground(w *response, r *request) error {
	files, err := playgroundFiles()
	if err != nil {
		return err
	}
	return w.page(r, files[""])
}

// getAsset serves a file of the page. Its name has a hash of its content, so caches may keep it forever.
func (s *Server) getAsset(w *response, r *request) error {
	files, err := playgroundFiles()
	if err != nil {
		return err
	}
	file, ok := files[r.PathValue("*")]
	if !ok || file.Type == htmlContentType {
		return problem.New(problem.RouteNotFound, "")
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	return w.file(r, file)
}
