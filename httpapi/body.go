package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"
)

// readBody returns the body of a request that must be JSON, within the limits of size and time.
func (s *Server) readBody(c echo.Context, maxBytes int) ([]byte, error) {
	r := c.Request()
	if t, params, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" ||
		params["charset"] != "" && params["charset"] != "utf-8" && params["charset"] != "UTF-8" {
		return nil, problem(UnsupportedMediaType, "send it with `Content-Type: application/json`")
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, problem(UnsupportedMediaType, "send it without Content-Encoding")
	}
	tooLarge := problem(BodyTooLarge, fmt.Sprintf("at most %d bytes are taken", maxBytes))
	if r.ContentLength > int64(maxBytes) {
		return nil, tooLarge
	}
	// The limit is told to net/http's own writer, which then closes the connection.
	x := exchangeOf(c.Response())
	arriving := s.intake.arriving(x, http.MaxBytesReader(x.ResponseWriter, r.Body, int64(maxBytes)))
	body, err := read(arriving, r.ContentLength)
	var over *http.MaxBytesError
	switch {
	case err != nil && x.parcel.cutOff():
		return nil, errIntake
	case errors.As(err, &over):
		return nil, tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, problem(RequestTimeout, fmt.Sprintf("it has to arrive within %v", s.cfg.BodyTimeout))
	case err != nil:
		return nil, problem(InvalidJSON, "the body ended early")
	}
	x.parcel.arrived()
	setBodyDeadline(c.Response().Writer, time.Time{})
	return body, nil
}

// setBodyDeadline limits the time that a body may take. It is lifted once the body is there, and stays in force when it
// is not: net/http looks for the end of a body that nobody has read. A limit for the whole connection would end streams
// and long-polls. Where the connection cannot have a deadline, whoever serves the handler sets the limits.
func setBodyDeadline(w http.ResponseWriter, t time.Time) {
	_ = http.NewResponseController(w).SetReadDeadline(t)
}

// read reads all. Memory is taken as the bytes arrive: a length that is merely announced costs nothing.
func read(r io.Reader, size int64) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, min(max(size, 0), firstBody)+bytes.MinRead))
	_, err := buf.ReadFrom(r)
	return buf.Bytes(), err
}
