package caching

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	room       = "stadium"
	publicRoom = "news-stadium" // the caches share its answers among all users
)

// reader polls a room as the client does, on its own connection. It has no goroutine of its own, because the race detector
// limits their number.
type reader struct {
	room   string
	epoch  string
	conn   net.Conn
	text   *bufio.Reader
	seq    int64 // of the last batch that it has
	cursor int64
	pages  *pages
	late   bool // it was up to date and long-polls
}

type pages struct {
	Size    int64  `json:"size"`
	Through string `json:"through"`
}

type page struct {
	Changes []struct {
		ServerSeq int64 `json:"serverSeq"`
	} `json:"changes"`
	Next     string `json:"next"`
	UpToDate bool   `json:"upToDate"`
	Pages    *pages `json:"pages"`
	Cursor   int64  `json:"cursor"`
}

const (
	patience    = 30 * time.Second // of a request
	waitSeconds = 2                // of a long poll
)

func connect(t *testing.T, address string, s *server, seq int64) *reader {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &reader{room: room, epoch: s.epoch, conn: conn, text: bufio.NewReader(conn), seq: seq}
}

// next requests the batches after the last one and processes them.
func (r *reader) next() (page, error) {
	query := fmt.Sprintf("after=%s-%d", r.epoch, r.seq)
	until := r.until()
	switch {
	case until > 0:
		query += fmt.Sprintf("&until=%s-%d", r.epoch, until)
	case r.late:
		query += fmt.Sprintf("&cursor=%d&wait=%d", r.cursor, waitSeconds)
	default:
		query += fmt.Sprintf("&cursor=%d", r.cursor)
	}
	p, err := r.get(query, "")
	if err != nil {
		return p, fmt.Errorf("%s: %w", query, err)
	}
	for _, change := range p.Changes {
		if change.ServerSeq != r.seq+1 {
			return p, fmt.Errorf("%s: batch %d came after %d", query, change.ServerSeq, r.seq)
		}
		r.seq++
	}
	if until == 0 {
		if len(p.Changes) == 0 && p.Cursor <= r.cursor {
			return p, fmt.Errorf("%s: neither the position nor the cursor has advanced", query)
		}
		r.cursor, r.pages = p.Cursor, p.Pages
		r.late = p.UpToDate
	}
	return p, nil
}

// until returns the end of the next complete page, or 0 if there is none.
func (r *reader) until() int64 {
	if r.pages == nil {
		return 0
	}
	end := (r.seq/r.pages.Size + 1) * r.pages.Size
	_, digits, _ := strings.Cut(r.pages.Through, "-")
	if through, err := strconv.ParseInt(digits, 10, 64); err != nil || end > through {
		return 0
	}
	return end
}

// get requests batches. header is "" or an additional header line.
func (r *reader) get(query, header string) (p page, err error) {
	if err := r.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return p, err
	}
	if _, err := fmt.Fprintf(r.conn, "GET /v1/rooms/%s/changes?%s HTTP/1.1\r\nHost: pathsync.test\r\n%s\r\n", r.room, query, header); err != nil {
		return p, err
	}
	resp, err := http.ReadResponse(r.text, nil)
	if err != nil {
		return p, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return p, err
	}
	if resp.StatusCode != http.StatusOK {
		return p, fmt.Errorf("status %d: %.200s", resp.StatusCode, body)
	}
	return parse(body)
}

// parsed caches parsed answers: thousands of readers get the same bytes.
var parsed sync.Map

func parse(body []byte) (p page, err error) {
	if known, ok := parsed.Load(string(body)); ok {
		return known.(page), nil
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return p, fmt.Errorf("reading %.200s: %w", body, err)
	}
	parsed.Store(string(body), p)
	return p, nil
}
