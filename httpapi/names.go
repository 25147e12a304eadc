package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/core"
)

// pathName returns a name that is part of the address, decoded and checked.
func pathName(c echo.Context, param string, maxLength int) (string, error) {
	name := c.Param(param)
	// echo matches the encoded path when it has an encoded slash, and hands out its pieces as they are.
	if c.Request().URL.RawPath != "" {
		decoded, err := url.PathUnescape(name)
		if err != nil {
			return "", problem(InvalidName, param+" is not percent-encoded as it should be")
		}
		name = decoded
	}
	if err := core.CheckName(name, maxLength); err != nil {
		return "", problem(InvalidName, param+" "+err.Error())
	}
	return kept(name), nil
}

// kept returns a name that may outlive the request: as a part of the address it would keep the whole of that in memory, which
// can be 64 KiB.
func kept(name string) string { return strings.Clone(name) }

// roomInPath is the room that the path names, as a list.
func roomInPath(c echo.Context) ([]string, error) {
	room, err := pathName(c, "room", core.MaxRoomLength)
	return []string{room}, err
}

// maxRooms is how many rooms one stream may be of. Every event names the position in each of them.
const maxRooms = 32

// queryRooms are the rooms that the query names, as often as `room` stands there.
func queryRooms(c echo.Context) ([]string, error) {
	if err := checkQuery(c, InvalidParameter); err != nil {
		return nil, err
	}
	rooms := c.QueryParams()["room"]
	if len(rooms) == 0 || len(rooms) > maxRooms {
		return nil, problem(InvalidParameter, fmt.Sprintf("room must be there from 1 to %d times", maxRooms))
	}
	if err := checkRooms(rooms); err != nil {
		return nil, problem(InvalidName, "room "+err.Error())
	}
	if room, ok := repeated(rooms); ok {
		return nil, &roomsError{problem(InvalidParameter, "a room is there twice"), []string{room}}
	}
	for i, room := range rooms {
		rooms[i] = kept(room)
	}
	return rooms, nil
}

func checkRooms(rooms []string) error {
	for _, room := range rooms {
		if err := core.CheckName(room, core.MaxRoomLength); err != nil {
			return err
		}
	}
	return nil
}

// repeated returns a text that is in a list more than once.
func repeated(list []string) (string, bool) {
	for i, text := range list {
		if slices.Contains(list[:i], text) {
			return text, true
		}
	}
	return "", false
}

// checkQuery answers with a code to a query that cannot be read. What is unreadable in it would otherwise count as absent:
// a position as none, and a name as nobody's.
func checkQuery(c echo.Context, code Code) error {
	if _, err := url.ParseQuery(c.Request().URL.RawQuery); err != nil {
		return problem(code, "the query is not percent-encoded as it should be")
	}
	return nil
}

// queryName returns a name that is a query parameter, checked, and "" when it is absent.
func queryName(c echo.Context, param string, check func(string, int) error, maxLength int) (string, error) {
	name := c.QueryParam(param)
	if name == "" {
		return "", nil
	}
	if err := check(name, maxLength); err != nil {
		return "", problem(InvalidName, param+" "+err.Error())
	}
	return kept(name), nil
}
