package wire

import (
	"errors"
	"time"
)

// Cursor makes the URLs of consecutive long-polls of one reader differ, so that a cache which keeps a response for too long
// cannot trap the reader in a loop. Each response has the cursor of the next request. Invariant: from one request to the
// next, the position or the cursor increases, so no URL is requested twice.
//
// A cursor is the number of the interval in which it was issued. So readers that are answered in the same interval send
// the same next URL and share its response. Random cursors would also break loops, but no response could be shared.
type Cursor int64

// NoCursor is the cursor of a request without one. Its response is not cached.
const NoCursor Cursor = -1

const (
	cursorInterval = 10 * time.Second
	maxCursor      = maxSafeInteger
)

var errCursor = errors.New("cursor must be 0 or the cursor of the last response")

// ParseCursor reads the query parameter. The first request of a reader has 0; "" is NoCursor.
func ParseCursor(text string) (Cursor, error) {
	if text == "" {
		return NoCursor, nil
	}
	n, ok := ParseNumber(text)
	if !ok || n >= maxCursor {
		return 0, errCursor
	}
	return Cursor(n), nil
}

// Next returns the cursor of a response. moved reports whether the response advances the position; if it does not, the
// cursor increases even within one interval.
func (c Cursor) Next(now time.Time, moved bool) Cursor {
	n := Cursor(now.Unix() / int64(cursorInterval/time.Second))
	if moved {
		return n
	}
	return max(n, c+1)
}
