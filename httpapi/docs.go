package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/swaggest/swgui/v5emb"

	"github.com/pathsync/pathsync"
)

// getContract serves the OpenAPI file that this server was built with.
func (s *Server) getContract(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-cache")
	return c.Blob(http.StatusOK, "application/yaml", pathsync.OpenAPI)
}

// docs shows the contract in a browser, with everything it needs embedded: nothing is loaded from elsewhere.
var docs = v5emb.New("pathsync", "/openapi.yaml", "/docs/")

func (s *Server) getDocs(c echo.Context) error {
	docs.ServeHTTP(c.Response(), c.Request())
	return nil
}
