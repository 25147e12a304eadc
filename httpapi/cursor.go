package httpapi

import (
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
)

// cursor makes the addresses of one reader's open requests differ, so that a cache which keeps an answer for longer than
// it should cannot hold the reader in a loop. Each answer has the cursor of the next request. The invariant: from one
// request to the next, either the position goes up or the cursor does, so that no address comes twice.
//
// It is the number of the stretch of time in which it was given: all who are answered within one ask for the same address
// next, whenever they came. A number of each reader's own would break loops as well, and nobody could share anything.
type cursor int64

// noCursor is that of a request that has none: its sender takes no part in this, and its answer is not kept.
const noCursor cursor = -1

const (
	stretch   = 10 * time.Second
	maxCursor = 1<<53 - 1 // what a double holds
)

// queryCursor returns the cursor of a request. A reader who begins sends 0.
func queryCursor(c echo.Context) (cursor, error) {
	text := c.QueryParam("cursor")
	if text == "" {
		return noCursor, nil
	}
	n, err := strconv.ParseUint(text, 10, 53)
	if err != nil || n == maxCursor {
		return 0, problem(InvalidParameter, "cursor must be 0 or what the last answer said")
	}
	return cursor(n), nil
}

// next is the cursor that goes with an answer. moved says whether the answer leads to another position; if it does not,
// the cursor has to go up even within one stretch.
func (c cursor) next(now time.Time, moved bool) cursor {
	n := cursor(now.Unix() / int64(stretch/time.Second))
	if moved {
		return n
	}
	return max(n, c+1)
}
