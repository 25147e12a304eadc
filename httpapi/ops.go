package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// postOps takes in one batch.
func (s *Server) postOps(c echo.Context) error {
	body, err := s.readBody(c, s.cfg.MaxBodyBytes)
	if err != nil {
		return err
	}
	proposal, err := s.decodeBatch(body)
	if err != nil {
		return err
	}
	room, release, err := s.room(c)
	if err != nil {
		return err
	}
	defer release()
	if err := s.limits.batch(room.Name(), proposal.ClientID); err != nil {
		return err
	}
	answer, err := room.Submit(c.Request().Context(), proposal)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSONBlob(http.StatusOK, appendAnswer(make([]byte, 0, 256), s.cfg.Hub.Epoch(), answer))
}
