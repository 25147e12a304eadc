package httpapi

import "github.com/pathsync/pathsync/httpapi/problem"

type status struct {
	Status string `json:"status"`
}

// getHealth answers while the process runs.
func (s *Server) getHealth(w *response, _ *request) error { return w.encode(status{"ok"}) }

// getReady succeeds when the database is available and the server is not shutting down.
func (s *Server) getReady(w *response, r *request) error {
	if s.closing.Err() != nil {
		return problem.New(problem.ShuttingDown, "")
	}
	if err := s.hub.Ping(r.Context()); err != nil {
		return err
	}
	return w.encode(status{"ready"})
}

// getMetrics serves the metrics, unless they are served elsewhere.
func (s *Server) getMetrics(w *response, r *request) error {
	if s.cfg.MetricsHandler == nil {
		return problem.New(problem.RouteNotFound, "")
	}
	s.cfg.MetricsHandler.ServeHTTP(w, r.Request)
	return nil
}
