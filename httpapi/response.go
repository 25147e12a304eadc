package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/pathsync/pathsync/httpapi/budget"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/pace"
	"github.com/pathsync/pathsync/sse"
)

const (
	noStore         = "no-store"
	jsonContentType = "application/json"
	htmlContentType = "text/html; charset=UTF-8"
)

// Values of headers that responses share. They are not changed: a header that is added to is copied.
var (
	noStoreHeader = []string{noStore}
	jsonHeader    = []string{jsonContentType}
)

// response is the ResponseWriter of all handlers. It cuts stalled clients, and measures and logs the request when the
// handler returns, or when the stream that the response has become ends.
type response struct {
	http.ResponseWriter
	server  *Server
	entry   logEntry
	request *request // nil after the handler has returned

	reservation *budget.Reservation // memory of the body and of what is made of it; nil: none

	status    int   // 0: not begun
	bytes     int64 // of the body
	streaming bool
	paced     pacedWriter

	bodyCut, answerCut atomic.Bool
}

func (s *Server) newResponse(w http.ResponseWriter, r *http.Request) *response {
	s.requests.Add(1)
	sender := s.limits.Sender(r)
	return &response{ResponseWriter: w, server: s, entry: s.newLogEntry(r, &sender), request: newRequest(r, sender)}
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= 200 { // informational responses may precede
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	var n int
	var err error
	if w.bytes+int64(len(p)) > pace.Piece {
		n, err = w.paced.write(w, p)
	} else { // the WriteTimeout of http.Server suffices
		n, err = w.ResponseWriter.Write(p)
	}
	if w.entry.method != http.MethodHead { // net/http drops the body
		w.bytes += int64(n)
	}
	return n, err
}

func (w *response) begun() bool { return w.status != 0 }

// The methods below write whole responses. They ignore errors of writing, which mean that the client has disconnected.

func (w *response) problem(p *problem.Problem) {
	w.entry.code = p.Code
	p.Write(w)
}

// blob writes a 200. It sets Content-Length, also for HEAD.
func (w *response) blob(contentType string, body []byte) error {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body)
	return nil
}

// json writes a 200 that caches do not store.
func (w *response) json(body []byte) error {
	h := w.Header()
	h["Cache-Control"], h["Content-Type"] = noStoreHeader, jsonHeader
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body)
	return nil
}

// encode writes a 200 with a value as JSON, and a line end.
func (w *response) encode(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.json(append(body, '\n'))
}

func (w *response) noContent() error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (w *response) notModified() error {
	w.WriteHeader(http.StatusNotModified)
	return nil
}

// handled ends the response when its handler has returned, unless it has become a stream.
func (w *response) handled() {
	w.server.requests.Add(-1)
	w.request = nil
	if w.reservation != nil {
		w.reservation.Release()
	}
	if w.streaming {
		w.ResponseWriter = nil // frees its buffers while the stream lasts
		return
	}
	if w.status == 0 { // the client has disconnected, or was cut off
		w.status = http.StatusOK
	}
	metrics := w.server.cfg.Metrics
	metrics.Answered(w.entry.route, w.status, time.Since(w.entry.began))
	if w.entry.code != "" {
		metrics.Refused(w.entry.code)
	}
	w.log("request")
}

// becomes makes the response last as long as a stream. The stream must call ended.
func (w *response) becomes(stream *sse.Stream) (ended func(cause error)) {
	w.streaming, w.status = true, http.StatusOK
	metrics := w.server.cfg.Metrics
	metrics.StreamStarted()
	if w.server.cfg.AccessLog == nil {
		return metrics.StreamEnded // does not keep the response in memory
	}
	w.entry.detach()
	return func(cause error) {
		metrics.StreamEnded(cause)
		w.bytes = stream.Sent()
		w.logStream(cause)
	}
}
