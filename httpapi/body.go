package httpapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/pathsync/pathsync/httpapi/budget"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/pace"
)

// readBody returns a body that must be JSON, of at most maxBytes.
func (s *Server) readBody(w *response, r *request, maxBytes int) ([]byte, error) {
	if !isJSON(r.Header.Get("Content-Type")) {
		return nil, problem.New(problem.UnsupportedMediaType, "send it with `Content-Type: application/json`, in UTF-8")
	}
	for _, coding := range r.Header.Values("Content-Encoding") {
		if !strings.EqualFold(coding, "identity") && coding != "" {
			return nil, problem.New(problem.UnsupportedMediaType, "send it without Content-Encoding")
		}
	}
	if r.ContentLength > int64(maxBytes) {
		return nil, tooLarge(maxBytes)
	}
	w.reservation = s.intake.Begin(w.cutBody)
	body, err := w.reservation.Read(r.limitedBody(w, maxBytes), r.ContentLength)
	var over *http.MaxBytesError
	switch {
	case err != nil && w.reservation.CutOff():
		return nil, budget.ErrExhausted
	case errors.As(err, &over):
		return nil, tooLarge(maxBytes)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, problem.New(problem.RequestTimeout, fmt.Sprintf("no byte arrived for %v, or fewer than %d per second", s.cfg.BodyTimeout, pace.MinRate))
	case err != nil:
		return nil, problem.New(problem.InvalidJSON, "the body is incomplete")
	}
	w.reservation.Proceeds()
	setBodyDeadline(w, time.Time{})
	return body, nil
}

// limitedBody returns the body up to a limit, which its Content-Length does not exceed.
func (r *request) limitedBody(w *response, maxBytes int) io.Reader {
	if r.ContentLength == 0 {
		return http.NoBody
	}
	r.body.meter.Skip(time.Since(w.entry.began)) // the server's time
	if r.ContentLength > 0 {
		return &r.body
	}
	// MaxBytesReader closes the connection when the limit is exceeded. For this it needs the ResponseWriter of net/http.
	return http.MaxBytesReader(w.ResponseWriter, &r.body, int64(maxBytes))
}

func tooLarge(maxBytes int) error {
	return problem.New(problem.BodyTooLarge, fmt.Sprintf("the limit is %d bytes", maxBytes))
}

// isJSON reports whether a Content-Type is JSON in UTF-8. Names of types, parameters and charsets are case-insensitive
// (RFC 9110, section 8.3). Types that end in +json are other formats.
func isJSON(contentType string) bool {
	if contentType == jsonContentType { // the most common, without a map of parameters
		return true
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != jsonContentType {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// setBodyDeadline sets the deadline for a body. readBody removes it at the end, because it would end streams and long-polls.
// Where the connection has no deadlines, the embedding server sets the limits.
func setBodyDeadline(w http.ResponseWriter, t time.Time) {
	_ = http.NewResponseController(w).SetReadDeadline(t)
}
