package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/pathsync/pathsync/httpapi/limit"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/token"
)

// logEntry is what the access log has of a request. Without an access log, path, query and address are empty.
type logEntry struct {
	id      string // X-Request-Id
	method  string
	path    string // escaped
	query   string // loggedParameters only
	route   string // as in Server.Routes; "": none
	address string
	user    string // authenticated user; "": anonymous
	began   time.Time
	code    problem.Code // of the problem, if the response is one
}

func (s *Server) newLogEntry(r *http.Request, sender *limit.Sender) logEntry {
	e := logEntry{id: requestID(r), method: r.Method, began: time.Now()}
	if s.cfg.AccessLog != nil {
		e.path, e.query = truncate(r.URL.EscapedPath()), truncate(loggedQuery(r.URL))
		e.address = addressOf(r, sender)
	}
	return e
}

// addressOf returns the address of a request's client.
func addressOf(r *http.Request, sender *limit.Sender) string {
	if sender.Address.IsValid() {
		return sender.Address.String()
	}
	return r.RemoteAddr // the connection has no IP address
}

// detach copies texts that would keep the request in memory.
func (e *logEntry) detach() { e.method, e.path = clone(e.method), clone(e.path) }

func (w *response) logStream(cause error) { w.log("stream", slog.String("ended", cause.Error())) }

// log writes a line of the access log. Handlers of slog quote the texts of clients.
func (w *response) log(what string, more ...slog.Attr) {
	log := w.server.cfg.AccessLog
	if log == nil {
		return
	}
	e := &w.entry
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs, slog.String("request", e.id), slog.String("method", e.method), slog.String("route", e.route),
		slog.String("path", e.path))
	if e.query != "" {
		attrs = append(attrs, slog.String("query", e.query))
	}
	attrs = append(attrs, slog.Int("status", w.status), slog.Float64("ms", milliseconds(time.Since(e.began))),
		slog.Int64("bytes", w.bytes), slog.String("address", e.address))
	if e.user != "" {
		attrs = append(attrs, slog.String("user", e.user))
	}
	if e.code != "" {
		attrs = append(attrs, slog.String("code", string(e.code)))
	}
	log.LogAttrs(context.Background(), slog.LevelInfo, what, append(attrs, more...)...)
}

// milliseconds rounds to a microsecond.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// loggedParameters are the query parameters whose values are logged. They contain no secrets and no names of people.
var loggedParameters = []string{"after", "at", "clientId", "cursor", "last_event_id", "limit", "room", "until", "wait"}

func loggedQuery(u *url.URL) string {
	if u.RawQuery == "" {
		return ""
	}
	sent, logged := u.Query(), url.Values{}
	for _, name := range loggedParameters {
		for _, value := range sent[name] {
			if !token.IsJWT(value) {
				logged.Add(name, value)
			}
		}
	}
	return logged.Encode()
}

// maxLogged is the maximum length of a logged path or query in bytes.
const maxLogged = 512

func truncate(text string) string {
	if len(text) > maxLogged {
		return text[:maxLogged] + "…"
	}
	return text
}
