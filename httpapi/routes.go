package httpapi

import (
	"net/http"
	"strings"

	"github.com/pathsync/pathsync"
	"github.com/pathsync/pathsync/access"
)

// handler answers a request. It returns an error instead of a response, never both. Errors are answered with
// problem.From.
type handler func(w *response, r *request) error

// route is one route of the API. In its path, `:name` is a parameter and `*` the rest.
type route struct {
	method, path string
	handle       handler
}

// routes returns the routes of the server. Each GET also has a HEAD, except for streams, which have no end.
func (s *Server) routes() []route {
	return append(withHead(s.resources()),
		route{http.MethodGet, "/v1/rooms/:room/events", s.byTicket(roomInPath, s.getEvents)},
		route{http.MethodGet, "/v1/events", s.byTicket(roomsInQuery, s.getEventsOfRooms)},
		route{http.MethodGet, "/v1/probe", s.getProbe},
	)
}

// withHead adds a HEAD to each GET, with the same handler: net/http sends the header and drops the body.
func withHead(routes []route) []route {
	for _, r := range routes {
		if r.method == http.MethodGet {
			routes = append(routes, route{http.MethodHead, r.path, r.handle})
		}
	}
	return routes
}

// resources returns the routes that are not streams.
func (s *Server) resources() []route {
	return []route{
		{http.MethodPost, "/v1/rooms/:room/ops", s.inRoom(access.Write, s.postOps)},
		{http.MethodPost, "/v1/rooms/:room/events/:clientId/token", s.authenticated(s.postToken)},
		{http.MethodGet, "/v1/rooms/:room", s.inReadableRoom(s.getRoom)},
		{http.MethodGet, "/v1/rooms/:room/stores/:key", s.inReadableRoom(s.getStore)},
		{http.MethodGet, "/v1/rooms/:room/changes", s.inReadableRoom(s.getChanges)},
		{http.MethodGet, "/v1/rooms/:room/presence", s.inRoom(access.Read, s.getPresence)},
		{http.MethodPut, "/v1/rooms/:room/presence/:clientId", s.inRoom(access.Presence, s.putPresence)},
		{http.MethodPost, "/v1/rooms/:room/presence/:clientId", s.inRoom(access.Presence, s.putPresence)},
		{http.MethodDelete, "/v1/rooms/:room/presence/:clientId", s.inRoom(access.Presence, s.leave)},
		{http.MethodPost, "/v1/rooms/:room/presence/:clientId/leave", s.inRoom(access.Presence, s.leave)},
		{http.MethodPost, "/v1/tickets", s.authenticated(s.postTicket)},
		{http.MethodPost, "/v1/probe/:name", s.postProbe},
		{http.MethodGet, "/healthz", s.getHealth},
		{http.MethodGet, "/readyz", s.getReady},
		{http.MethodGet, "/metrics", s.getMetrics},
		{http.MethodGet, "/openapi.yaml", embedded("application/yaml", contract)},
		{http.MethodGet, "/openapi-3.2.yaml", embedded("application/yaml", pathsync.OpenAPI32)},
		{http.MethodGet, "/path-operations.md", embedded("text/markdown; charset=utf-8", pathOperations)},
		{http.MethodGet, "/docs", s.getDocs},
		{http.MethodGet, "/docs/*", s.getDocs},
		{http.MethodGet, "/guide", s.getGuide},
		{http.MethodGet, "/guide/*", s.getGuide},
		{http.MethodGet, "/", s.getPlayground},
		{http.MethodGet, "/assets/*", s.getAsset},
	}
}

// name returns the route as `METHOD /path/{parameter}`.
func (r route) name() string {
	segments := strings.Split(r.path, "/")
	for i, segment := range segments {
		if name, ok := strings.CutPrefix(segment, ":"); ok {
			segments[i] = "{" + name + "}"
		}
	}
	return r.method + " " + strings.Join(segments, "/")
}

// Routes returns the routes of the server as `METHOD /path/{parameter}`.
func (s *Server) Routes() []string {
	routes := s.routes()
	names := make([]string, 0, len(routes))
	for _, r := range routes {
		names = append(names, r.name())
	}
	return names
}
