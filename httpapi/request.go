package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/limit"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/wire"
)

// request is a request as handlers see it.
type request struct {
	*http.Request
	sender     limit.Sender
	identity   access.Identity // empty before authentication
	parameters [maxParameters]parameter
	room       string // the parameter of that name, checked; "": not yet
	query      url.Values
	queryErr   error // of parsing the query
	body       pacedBody
}

// parameter is a parameter of the route, unescaped.
type parameter struct{ name, value string }

// maxParameters is the maximum number of parameters of a route.
const maxParameters = 2

func newRequest(r *http.Request, sender limit.Sender) *request {
	req := &request{Request: r, sender: sender}
	if r.URL.RawQuery != "" {
		req.query, req.queryErr = url.ParseQuery(r.URL.RawQuery)
	}
	return req
}

func (r *request) setPathValue(i int, name, value string) { r.parameters[i] = parameter{name, value} }

// PathValue returns a parameter of the route, and "" for any other name.
func (r *request) PathValue(name string) string {
	for _, p := range r.parameters {
		if p.name == name {
			return p.value
		}
	}
	return ""
}

// pathName returns a name in the path, checked.
func (r *request) pathName(parameter string, maxLength int) (string, error) {
	name := r.PathValue(parameter)
	if err := core.CheckName(name, maxLength); err != nil {
		return "", problem.New(problem.InvalidName, parameter+" "+err.Error())
	}
	return clone(name), nil
}

// clone copies a name that outlives the request. As a substring it would keep the whole URL in memory, up to 64 KiB.
func clone(name string) string { return strings.Clone(name) }

func (r *request) roomName() (name string, err error) {
	if r.room == "" {
		r.room, err = r.pathName("room", core.MaxRoomLength)
	}
	return r.room, err
}

// roomInPath returns the room in the path as a list.
func roomInPath(r *request) ([]string, error) {
	room, err := r.roomName()
	return []string{room}, err
}

// roomsInQuery returns the rooms in the query, one for each parameter `room`.
func roomsInQuery(r *request) ([]string, error) {
	if err := r.checkQuery(problem.InvalidParameter); err != nil {
		return nil, err
	}
	rooms := r.query["room"]
	if len(rooms) == 0 || len(rooms) > wire.MaxRooms {
		return nil, problem.New(problem.InvalidParameter, fmt.Sprintf("room must be given from 1 to %d times", wire.MaxRooms))
	}
	for i, room := range rooms {
		if err := core.CheckName(room, core.MaxRoomLength); err != nil {
			return nil, problem.New(problem.InvalidName, "room "+err.Error())
		}
		rooms[i] = clone(room)
	}
	if room, ok := wire.Repeated(rooms); ok {
		return nil, problem.InRooms(problem.New(problem.InvalidParameter, "a room is given twice"), room)
	}
	return rooms, nil
}

// checkQuery fails with a code when the query cannot be parsed. Otherwise its unreadable parts would count as absent: a
// position as none, a client id as anonymous.
func (r *request) checkQuery(code problem.Code) error {
	if r.queryErr != nil {
		return problem.New(code, "the query is not percent-encoded correctly")
	}
	return nil
}

// queryName returns a name in the query, checked, and "" when it is absent.
func (r *request) queryName(parameter string, check func(string, int) error, maxLength int) (string, error) {
	name := r.query.Get(parameter)
	if name == "" {
		return "", nil
	}
	if err := check(name, maxLength); err != nil {
		return "", problem.New(problem.InvalidName, parameter+" "+err.Error())
	}
	return clone(name), nil
}

// queryInt returns an integer in the query from lowest to highest, and def when it is absent.
func (r *request) queryInt(parameter string, def, lowest, highest int) (int, error) {
	text := r.query.Get(parameter)
	if text == "" {
		return def, nil
	}
	n, ok := wire.ParseNumber(text)
	if !ok || n < int64(lowest) || n > int64(highest) {
		return 0, problem.New(problem.InvalidParameter, fmt.Sprintf("%s must be an integer from %d to %d", parameter, lowest, highest))
	}
	return int(n), nil
}

// queryEventID returns an event id in the query, and nil when it is absent.
func (r *request) queryEventID(parameter string) (*wire.EventID, error) {
	text := r.query.Get(parameter)
	if text == "" {
		return nil, nil
	}
	id, err := wire.ParseEventID(text)
	if err != nil {
		return nil, problem.New(problem.InvalidEventID, parameter+": "+err.Error())
	}
	return &id, nil
}

// queryCursor returns the cursor in the query, and wire.NoCursor when it is absent.
func (r *request) queryCursor() (wire.Cursor, error) {
	c, err := wire.ParseCursor(r.query.Get("cursor"))
	if err != nil {
		return 0, problem.New(problem.InvalidParameter, err.Error())
	}
	return c, nil
}

// entityTags yields the entity tags of If-None-Match, without `W/`.
func (r *request) entityTags(yield func(string) bool) {
	for _, header := range r.Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(header, ",") {
			if !yield(strings.TrimPrefix(strings.TrimSpace(tag), "W/")) {
				return
			}
		}
	}
}

// taggedIDs returns the event ids among the entity tags.
func (r *request) taggedIDs() (ids []wire.EventID) {
	for tag := range r.entityTags {
		if id, err := wire.ParseEventID(strings.Trim(tag, `"`)); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// hasVersion reports whether the client has the version of an entity tag (RFC 9110, section 13.1.2).
func (r *request) hasVersion(etag string) bool {
	for tag := range r.entityTags {
		if tag == "*" || tag == etag {
			return true
		}
	}
	return false
}
