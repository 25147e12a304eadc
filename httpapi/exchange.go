package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/pathsync/pathsync/pace"
	"github.com/pathsync/pathsync/sse"
)

// exchange is one request and its answer, as it is measured and logged. It begins before anything else is done, and ends
// with the handler, or with the stream that the answer has become. It is the ResponseWriter of all handlers.
type exchange struct {
	http.ResponseWriter
	server *Server

	id      string // X-Request-Id
	method  string
	path    string // as it was sent, escaped
	query   string // what of it may be logged
	route   string // as in Server.Routes; "" if there is none
	address string // of the client
	user    string // who the client has proved to be; "" for nobody
	began   time.Time

	parcel *parcel // the memory of the body and what it has become; nil: there is none

	status int
	bytes  int64 // of the body
	code   Code  // of the problem that was answered, if any
	stream bool  // the answer has become a stream, which ends the exchange
	paced  pacedWriter

	bodyCut, answerCut atomic.Bool
}

func (s *Server) begin(w http.ResponseWriter, r *http.Request) *exchange {
	s.requests.Add(1)
	x := &exchange{ResponseWriter: w, server: s, id: requestID(r), method: r.Method, began: time.Now()}
	if s.cfg.AccessLog != nil {
		x.path, x.query, x.address = brief(r.URL.EscapedPath()), brief(loggedQuery(r.URL)), s.limits.from(r)
	}
	return x
}

// exchangeOf finds the exchange that a handler answers. Every handler runs within one.
func exchangeOf(w http.ResponseWriter) *exchange {
	for {
		switch v := w.(type) {
		case *exchange:
			return v
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return &exchange{ResponseWriter: w}
		}
	}
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= 200 { // before come those that are merely informational
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	var n int
	var err error
	if x.bytes+int64(len(p)) > pace.Piece {
		n, err = x.paced.write(x, p)
	} else { // it is sent within the limit that http.Server has for an answer
		n, err = x.ResponseWriter.Write(p)
	}
	x.bytes += int64(n)
	return n, err
}

// handled ends the exchange when its handler has returned, unless a stream goes on.
func (x *exchange) handled() {
	x.server.requests.Add(-1)
	if x.parcel != nil {
		x.parcel.end()
	}
	if x.stream {
		x.ResponseWriter = nil // its buffers are not kept for as long as the stream lasts
		return
	}
	if x.status == 0 { // the connection was cut, or the client has gone away
		x.status = http.StatusOK
	}
	recorder := x.server.cfg.Recorder
	recorder.Answered(x.route, x.status, time.Since(x.began))
	if x.code != "" {
		recorder.Refused(x.code)
	}
	x.log("request")
}

// streaming has the exchange last as long as a stream does. ended is to be called with the stream's end.
func (x *exchange) streaming(stream *sse.Stream) (ended func(cause error)) {
	x.stream, x.status = true, http.StatusOK
	x.method, x.path = kept(x.method), kept(x.path)
	recorder := x.server.cfg.Recorder
	recorder.StreamStarted()
	return func(cause error) {
		recorder.StreamEnded(cause)
		x.bytes = stream.Sent()
		x.log("stream", slog.String("ended", cause.Error()))
	}
}

// log writes the exchange's line of the access log. The handlers of slog quote what clients have chosen.
func (x *exchange) log(what string, more ...slog.Attr) {
	log := x.server.cfg.AccessLog
	if log == nil {
		return
	}
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs, slog.String("request", x.id), slog.String("method", x.method), slog.String("route", x.route),
		slog.String("path", x.path))
	if x.query != "" {
		attrs = append(attrs, slog.String("query", x.query))
	}
	attrs = append(attrs, slog.Int("status", x.status), slog.Float64("ms", milliseconds(time.Since(x.began))),
		slog.Int64("bytes", x.bytes), slog.String("address", x.address))
	if x.user != "" {
		attrs = append(attrs, slog.String("user", x.user))
	}
	if x.code != "" {
		attrs = append(attrs, slog.String("code", string(x.code)))
	}
	log.LogAttrs(context.Background(), slog.LevelInfo, what, append(attrs, more...)...)
}

// milliseconds is a duration to a thousandth of them.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// loggedParameters are the parameters of a query whose values are logged: those that name neither a secret nor a person.
var loggedParameters = []string{"after", "at", "clientId", "cursor", "last_event_id", "limit", "room", "until", "wait"}

func loggedQuery(u *url.URL) string {
	if u.RawQuery == "" {
		return ""
	}
	sent, logged := u.Query(), url.Values{}
	for _, name := range loggedParameters {
		for _, value := range sent[name] {
			if !looksLikeToken(value) {
				logged.Add(name, value)
			}
		}
	}
	return logged.Encode()
}

// maxLogged bounds what a client can have logged of an address.
const maxLogged = 512

func brief(text string) string {
	if len(text) > maxLogged {
		return text[:maxLogged] + "…"
	}
	return text
}
