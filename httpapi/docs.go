package httpapi

import (
	"strings"
	"sync"

	"github.com/pathsync/pathsync"
	"github.com/pathsync/pathsync/httpapi/apidocs"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/internal/asset"
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

// contractPage is the page /docs, rendered when it is first requested.
var contractPage = sync.OnceValues(func() (map[string]asset.File, error) { return apidocs.New(pathsync.OpenAPI) })

// getDocs serves the page and the files that it loads.
func (s *Server) getDocs(w *response, r *request) error {
	files, err := contractPage()
	if err != nil {
		return err
	}
	file, ok := files[strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/docs"), "/")]
	if !ok {
		return problem.New(problem.RouteNotFound, "")
	}
	return w.page(r, file)
}
