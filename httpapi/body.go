package httpapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/pace"
)

// readBody returns the body of a request that must be JSON, within the limits of size and time.
func (s *Server) readBody(c echo.Context, maxBytes int) ([]byte, error) {
	r := c.Request()
	if !isJSON(r.Header.Get("Content-Type")) {
		return nil, problem(UnsupportedMediaType, "send it with `Content-Type: application/json`, in UTF-8")
	}
	for _, coding := range r.Header.Values("Content-Encoding") {
		if !strings.EqualFold(coding, "identity") && coding != "" {
			return nil, problem(UnsupportedMediaType, "send it without Content-Encoding")
		}
	}
	tooLarge := problem(BodyTooLarge, fmt.Sprintf("at most %d bytes are taken", maxBytes))
	if r.ContentLength > int64(maxBytes) {
		return nil, tooLarge
	}
	// The limit is told to net/http's own writer, which then closes the connection.
	x := exchangeOf(c.Response())
	w := x.ResponseWriter
	x.parcel = s.intake.begin(x.cutBody)
	paced := &pacedBody{ReadCloser: r.Body, x: x, r: r, meter: pace.Meter{Patience: s.cfg.BodyTimeout}}
	body, err := read(http.MaxBytesReader(w, paced, int64(maxBytes)), r.ContentLength, x.parcel)
	var over *http.MaxBytesError
	switch {
	case err != nil && x.parcel.cutOff():
		return nil, errIntake
	case errors.As(err, &over):
		return nil, tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, problem(RequestTimeout, fmt.Sprintf("no byte came for %v, or fewer than %d a second", s.cfg.BodyTimeout, pace.MinRate))
	case err != nil:
		return nil, problem(InvalidJSON, "the body ended early")
	}
	x.parcel.proceeds()
	setBodyDeadline(w, time.Time{})
	return body, nil
}

// isJSON reports whether a Content-Type stands for JSON in UTF-8. The names of types, parameters and charsets are the same
// in any case (RFC 9110, section 8.3). Other types that end in +json stand for other formats.
func isJSON(contentType string) bool {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "application/json" {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// setBodyDeadline limits the time that a body may take of which nobody reads anything: net/http looks for its end, so
// far as it is short. While readBody reads a body, the deadline moves with it. It is lifted once the body is there, and
// stays in force when it is not. A limit for the whole connection would end streams and long-polls. Where the connection
// cannot have a deadline, the embedding server sets the limits.
func setBodyDeadline(w http.ResponseWriter, t time.Time) {
	_ = http.NewResponseController(w).SetReadDeadline(t)
}

// A length that is merely announced costs this much memory; only when so much has arrived, all of it is taken.
const (
	firstBody  = 4 << 10
	secondBody = 64 << 10
	bodyPiece  = 64 << 10 // is read at once
)

// read reads all, and has the parcel hold the memory for it, which is taken as the bytes arrive: twice, for as long as the
// garbage collector has not freed what was too small.
func read(r io.Reader, size int64, parcel *parcel) (body []byte, err error) {
	for next := firstBody; ; {
		if size >= 0 {
			next = min(next, int(size)+1) // and one byte, with which the end is seen
		}
		if err := parcel.hold(int64(2 * next)); err != nil {
			return nil, err
		}
		body = append(make([]byte, 0, next), body...)
		for len(body) < cap(body) {
			n, err := r.Read(body[len(body):min(cap(body), len(body)+bodyPiece)])
			body = body[:len(body)+n]
			if len(body) > smallBody {
				runtime.Gosched() // a crowd of large bodies should not delay everything else
			}
			if err == io.EOF {
				return body, nil
			}
			if err != nil {
				return nil, err
			}
		}
		switch {
		case cap(body) < secondBody:
			next = secondBody
		case size >= 0:
			next = int(size) + 1
		default:
			next = 2 * cap(body)
		}
		next = max(next, cap(body)+firstBody)
	}
}
