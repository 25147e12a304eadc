package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/pathsync/pathsync"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// Admin returns a handler of GET /admin/rooms and GET /admin/stats, for an address that only operators reach: it requires no
// token. With localOnly, it answers only requests for a local host name, so that no page in a browser of this machine can read
// the names of rooms by DNS rebinding. Until there is a Server, it answers 503.
func (f *Front) Admin(localOnly bool) http.Handler {
	mux := http.NewServeMux()
	for path, answer := range map[string]func(*Server, *http.Request) (any, error){
		"GET /admin/rooms": (*Server).adminRooms,
		"GET /admin/stats": (*Server).adminStats,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			body, err := f.adminAnswer(r, localOnly, answer)
			if err != nil {
				problem.From(err).Write(w)
				return
			}
			h := w.Header()
			h.Set("Content-Type", jsonContentType)
			h.Set("Cache-Control", noStore)
			_, _ = w.Write(append(body, '\n')) // an error means that the client has disconnected
		})
	}
	return mux
}

func (f *Front) adminAnswer(r *http.Request, localOnly bool, answer func(*Server, *http.Request) (any, error)) ([]byte, error) {
	if localOnly {
		if err := f.origins.CheckHost(r); err != nil {
			return nil, err
		}
	}
	s := f.server.Load()
	if s == nil {
		return nil, problem.New(problem.DatabaseUnavailable, "the server is starting and waits for its database")
	}
	v, err := answer(s, r)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

const defaultRooms = 100

// roomList is the answer of GET /admin/rooms.
type roomList struct {
	Rooms []adminRoom `json:"rooms"`
	Next  string      `json:"next,omitempty"` // the `after` of the next page; absent at the end
}

type adminRoom struct {
	Room      string `json:"room"`
	Open      bool   `json:"open"`
	ServerSeq int64  `json:"serverSeq"`
	LastWrite int64  `json:"lastWrite,omitempty"` // milliseconds since 1970; absent if it is not known
	Readers   int    `json:"readers"`
	Documents int    `json:"documents"`
	Bytes     int64  `json:"bytes"`
}

// adminRooms lists the rooms of the database or, with `open=true`, those that are open at this server.
func (s *Server) adminRooms(r *http.Request) (any, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	req := &request{Request: r, query: query, queryErr: err}
	if err := req.checkQuery(problem.InvalidParameter); err != nil {
		return nil, err
	}
	limit, err := req.queryInt("limit", defaultRooms, 1, core.MaxRoomPage)
	if err != nil {
		return nil, err
	}
	open := false
	if query.Has("open") {
		if open, err = strconv.ParseBool(query.Get("open")); err != nil {
			return nil, problem.New(problem.InvalidParameter, "open must be true or false")
		}
	}
	list := roomList{Rooms: []adminRoom{}}
	var page []core.RoomInfo
	if open {
		page, list.Next, err = s.hub.OpenRooms(query.Get("after"), limit)
	} else {
		page, list.Next, err = s.hub.StoredRooms(r.Context(), query.Get("after"), limit)
	}
	if errors.Is(err, core.ErrInvalidPosition) {
		return nil, problem.New(problem.InvalidParameter, "after must be the `next` of an earlier answer")
	}
	if err != nil {
		return nil, err
	}
	for _, room := range page {
		list.Rooms = append(list.Rooms, adminRoom{room.Name, room.Open, room.ServerSeq, room.LastWrite, room.Readers, room.Documents, room.Bytes})
	}
	return list, nil
}

// serverStats is the answer of GET /admin/stats.
type serverStats struct {
	Version     string `json:"version"`
	Epoch       string `json:"epoch"`
	UptimeMs    int64  `json:"uptimeMs"` // since the database was opened
	DatabaseUp  bool   `json:"databaseUp"`
	Rooms       int    `json:"rooms"`       // open
	Streams     int    `json:"streams"`     // open
	Requests    int64  `json:"requests"`    // that are being handled
	MemoryBytes int64  `json:"memoryBytes"` // estimated
	FeedBytes   int    `json:"feedBytes"`   // events in memory
	QueuedBytes int64  `json:"queuedBytes"` // batches that wait for their commit
	UnsavedMs   int64  `json:"unsavedMs"`   // age of the oldest change that its document row lacks
	TailLagMs   int64  `json:"tailLagMs"`   // since the log tail was last read, beyond its interval
	Servers     int    `json:"servers"`     // live servers of the database; 0 without --cluster and --nats
	BusHealthy  bool   `json:"busHealthy"`
}

func (s *Server) adminStats(*http.Request) (any, error) {
	hub, feeds := s.hub.Stats(), s.feeds.Stats()
	return serverStats{
		Version: pathsync.Version, Epoch: s.hub.Epoch(), UptimeMs: time.Since(s.started).Milliseconds(), DatabaseUp: !hub.Outage,
		Rooms: hub.Rooms, Streams: feeds.Streams, Requests: s.requests.Load(), MemoryBytes: hub.MemoryBytes, FeedBytes: feeds.Bytes,
		QueuedBytes: hub.QueuedBytes, UnsavedMs: hub.Unsaved.Milliseconds(), TailLagMs: hub.TailLag.Milliseconds(),
		Servers: hub.Servers, BusHealthy: hub.BusHealthy,
	}, nil
}
