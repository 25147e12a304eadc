package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

type status struct {
	Status string `json:"status"`
}

// getHealth says that the process is alive.
func (s *Server) getHealth(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", noStore)
	return c.JSON(http.StatusOK, status{"ok"})
}

// getReady says whether requests can be served fully: the database is reachable and the server is not going away.
func (s *Server) getReady(c echo.Context) error {
	if s.closing.Err() != nil {
		return problem(ShuttingDown, "")
	}
	if err := s.hub.Ping(c.Request().Context()); err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", noStore)
	return c.JSON(http.StatusOK, status{"ready"})
}

// getMetrics says what was measured, unless that is said elsewhere.
func (s *Server) getMetrics(c echo.Context) error {
	if s.cfg.Metrics == nil {
		return echo.ErrNotFound
	}
	s.cfg.Metrics.ServeHTTP(c.Response(), c.Request())
	return nil
}
