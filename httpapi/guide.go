package httpapi

import (
	"strings"
	"sync"

	"github.com/pathsync/pathsync"
	"github.com/pathsync/pathsync/guide"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/internal/asset"
	"github.com/pathsync/pathsync/sse/coding"
)

// documentation is the site below /guide/, rendered when it is first requested.
var documentation = sync.OnceValues(func() (*guide.Site, error) { return guide.New(pathsync.Documents, pathsync.Version) })

// getGuide serves a file of the documentation.
func (s *Server) getGuide(w *response, r *request) error {
	site, err := documentation()
	if err != nil {
		return err
	}
	name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/guide"), "/")
	if name == "search" {
		page, err := site.Search(r.query.Get("q"))
		if err != nil {
			return err
		}
		return w.page(r, page)
	}
	file, ok := site.File(name)
	if !ok {
		return problem.New(problem.RouteNotFound, "the guide has no such page; its contents are at /guide/")
	}
	return w.page(r, file)
}

// page writes a file whose URL does not change with its content: clients revalidate it.
func (w *response) page(r *request, file asset.File) error {
	w.Header().Set("Cache-Control", "no-cache")
	return w.file(r, file)
}

// file writes a file, compressed if the client accepts that, or a 304 if the client has it.
func (w *response) file(r *request, file asset.File) error {
	h := w.Header()
	h.Set("Content-Security-Policy", file.Policy)
	h.Set("ETag", "W/"+file.ETag) // the same for both codings
	h.Add("Vary", "Accept-Encoding")
	if r.hasVersion(file.ETag) {
		return w.notModified()
	}
	if coding.Weight(r.Header.Values("Accept-Encoding"), "gzip") == 0 {
		return w.blob(file.Type, file.Body)
	}
	h.Set("Content-Encoding", "gzip")
	return w.blob(file.Type, file.Gzip)
}
