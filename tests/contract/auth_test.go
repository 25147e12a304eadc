package contract

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/access"
)

// identities maps tokens to identities; the token of a user is the user's name.
type identities map[string]access.Identity

// allUsers are the users of these tests. The token `unavailable` fails with access.ErrUnavailable.
var allUsers = identities{
	"ada":   as("ada", access.Grant{Rooms: access.Glob("*"), Read: true, Write: true, Presence: true}),
	"bob":   as("bob", access.Grant{Rooms: access.Glob("*"), Read: true, Write: true, Presence: true}),
	"guest": as("guest"),

	"reader": as("reader", access.Grant{Rooms: access.Glob("*"), Read: true}),
}

func as(user string, grants ...access.Grant) access.Identity {
	return access.Identity{User: user, Grants: grants, ReadOnly: []access.ReadOnly{{Rooms: access.Glob("*"), Keys: access.Exact("fixed")}}}
}

// Authenticate implements httpapi.Authenticator.
func (p identities) Authenticate(_ context.Context, token string) (access.Identity, error) {
	if token == "unavailable" {
		return access.Identity{}, access.ErrUnavailable
	}
	identity, ok := p[token]
	if !ok {
		return access.Identity{}, fmt.Errorf("%w: it has expired", access.ErrUnauthenticated) // as package auth says it
	}
	return identity, nil
}

// bearer adds a token to requests without one.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Authorization") == "" {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(req)
}

func testPermissions(t *testing.T, w *recording) {
	c := newClient(t, w, startServer(t, limits{auth: allUsers}))
	for name, send := range roomRoutes("guarded") {
		for token, status := range map[string]int{"": 401, "forged": 401, "guest": 403, "unavailable": 503} {
			t.Run(name+" by "+token, func(t *testing.T) {
				c := c.on(t)
				if token != "" {
					c.http = &http.Client{Transport: bearer{token, w}}
				}
				a := send(c, status).isProblem(map[int]string{401: "unauthenticated", 403: "forbidden", 503: "auth_unavailable"}[status])
				challenge := a.header.Get("WWW-Authenticate")
				if (status == 401) != strings.HasPrefix(challenge, "Bearer ") || strings.Contains(challenge, "invalid_token") != (token == "forged") {
					t.Errorf("the challenge is %q", challenge)
				}
			})
		}
	}
	c.get(200, "/v1/rooms/guarded", "Authorization", "Bearer ada").has("stores", "{}")
	fixed := strings.Replace(batch(`"a"`, 1), `"default"`, `"fixed"`, 1)
	c.post(403, "/v1/rooms/guarded/ops", fixed, "Authorization", "Bearer ada").isProblem("forbidden")
	c.put(200, "/v1/rooms/guarded/presence/tab-1", `{}`, "Authorization", "Bearer ada")
	c.put(403, "/v1/rooms/guarded/presence/tab-2", `{"via":"tab-1"}`, "Authorization", "Bearer bob").isProblem("forbidden")
}

func testPublicRooms(t *testing.T, w *recording) {
	c := newClient(t, w, startServer(t, limits{auth: allUsers, public: []access.Pattern{access.Exact("open")}}))
	open := roomRoutes("open")
	for name, send := range open {
		switch name {
		case "GET ", "GET /changes":
			send(c, 200)
			c.get(401, "/v1/rooms/open"+strings.TrimPrefix(name, "GET "), "Authorization", "Bearer forged").isProblem("unauthenticated")
		case "GET /stores/default":
			send(c, 404).isProblem("store_not_found")
		default:
			send(c, 401).isProblem("unauthenticated")
		}
	}
	c.get(401, "/v1/rooms/opened").isProblem("unauthenticated")
}

func testTickets(t *testing.T, w *recording) {
	const asAda = "Bearer ada"
	c := newClient(t, w, startServer(t, limits{auth: allUsers}))
	ask := func(status int, body string, headers ...string) answer {
		return c.post(status, "/v1/tickets", body, append([]string{"Authorization", asAda}, headers...)...)
	}
	ticket := strings.Trim(ask(200, `{"room":"r"}`).member("ticket"), `"`)
	c.open("/v1/rooms/r/events?ticket=" + ticket).until("up-to-date")
	c.get(401, "/v1/rooms/r/events?ticket="+ticket).isProblem("unauthenticated")

	for path, status := range map[string]int{
		"/v1/events?room=r&room=s":           200,
		"/v1/events?room=s":                  200,
		"/v1/rooms/r/events?displayName=Ada": 200,
		"/v1/events?room=r&room=s&room=t":    401,
		"/v1/rooms/t/events?displayName=Ada": 401,
	} {
		ticket := strings.Trim(ask(200, `{"rooms":["r","s"]}`).member("ticket"), `"`)
		if path += "&ticket=" + ticket; status == 200 {
			c.open(path).until("up-to-date")
		}
		c.get(401, path).isProblem("unauthenticated") // the ticket is used up
	}

	c.post(401, "/v1/tickets", `{"room":"r"}`).isProblem("unauthenticated")
	c.post(403, "/v1/tickets", `{"room":"r"}`, "Authorization", "Bearer guest").isProblem("forbidden")
	ask(400, `{`).isProblem("invalid_json")
	for _, body := range []string{`[]`, `{}`, `{"room":1}`, `{"room":".."}`, `{"room":"r","for":"bob"}`,
		`{"room":"r","rooms":["s"]}`, `{"rooms":"r"}`, `{"rooms":[]}`, `{"rooms":["r","r"]}`, `{"rooms":["r",1]}`, `{"rooms":["r"," "]}`,
		`{"rooms":["r` + strings.Repeat(`","r`, 32) + `"]}`} {
		ask(422, body).isProblem("invalid_request")
	}
	ask(503, `{"room":"r"}`, "Authorization", "Bearer unavailable").isProblem("auth_unavailable")
	ask(413, `{"room":"`+strings.Repeat("r", 4<<10)+`"}`).isProblem("body_too_large")
	ask(415, `{"room":"r"}`, "Content-Type", "text/plain").isProblem("unsupported_media_type")
	for range 94 {
		ask(200, `{"room":"r"}`)
	}
	ask(503, `{"room":"r"}`).isProblem("overloaded")

	// Without authentication, a ticket grants nothing beyond the access of every client.
	open := newClient(t, w, startServer(t, limits{}))
	open.post(200, "/v1/tickets", `{"room":"r"}`)
	open.open("/v1/rooms/r/events?ticket=anything").until("up-to-date")
}

func testRenewal(t *testing.T, w *recording) {
	now := time.Now()
	guests := identities{"bob": allUsers["bob"], "guest": as("ada")}
	for token, life := range map[string]time.Duration{"short": time.Second, "ada": time.Hour} {
		identity := allUsers["ada"]
		identity.Expires = now.Add(life)
		guests[token] = identity
	}
	c := newClient(t, w, startServer(t, limits{auth: guests}))
	const token = "/v1/rooms/r/events/tab-1/token"
	renew := func(status int, as string) answer { return c.post(status, token, "", "Authorization", "Bearer "+as) }

	renew(404, "ada").isProblem("stream_not_found")
	s := c.open("/v1/rooms/r/events?clientId=tab-1", "Authorization", "Bearer ada")
	s.until("up-to-date")
	c.post(401, token, "").isProblem("unauthenticated")
	renew(503, "unavailable").isProblem("auth_unavailable")
	renew(403, "bob").isProblem("forbidden")
	renew(204, "ada")
	c.post(422, "/v1/rooms/%20/events/tab-1/token", "", "Authorization", "Bearer ada").isProblem("invalid_name")
	renew(403, "guest").isProblem("forbidden")
	if _, problem := s.until("problem"); !strings.Contains(problem.data, `"forbidden"`) {
		t.Errorf("%+v", problem)
	}
	s.ends()

	short := c.open("/v1/rooms/r/events?clientId=tab-2", "Authorization", "Bearer short")
	if _, problem := short.until("problem"); !strings.Contains(problem.data, `"token_expired"`) {
		t.Errorf("%+v", problem)
	}
	short.ends()
}
