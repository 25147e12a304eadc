package feed

import (
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/sse"
)

// Client is the stream of a client in one room.
type Client struct {
	Number int // of the connection, from core.Room.Connect
	Stream *sse.Stream
	Expiry *Expiry
}

// Connect registers the stream of a client. A client has one stream in a room, the one with the highest number; Connect
// ends the other with `problem` of code stream_replaced. The number is also what presence compares, so concurrent streams
// of a client have the same order everywhere. Anonymous streams ("") are not registered.
func (f *Room) Connect(clientID string, newest Client) {
	if clientID == "" {
		return
	}
	f.mu.Lock()
	older := f.clients[clientID]
	if older.Number > newest.Number {
		older, newest = newest, older
	}
	f.clients[clientID] = newest
	f.mu.Unlock()
	f.replace(older)
}

// Replaced implements core.Listener.
func (f *Room) Replaced(clientID string) {
	f.mu.Lock()
	older := f.clients[clientID]
	f.mu.Unlock()
	f.replace(older)
}

func (f *Room) replace(older Client) {
	if older.Stream == nil {
		return
	}
	p := problem.New(problem.StreamReplaced, "")
	p.Rooms = older.Expiry.roomsToName([]string{f.room})
	older.Stream.End(Frame("problem", p))
}

// Disconnect removes a stream that has ended, unless the client has a newer one.
func (f *Room) Disconnect(clientID string, stream *sse.Stream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.clients[clientID].Stream == stream {
		delete(f.clients, clientID)
		if len(f.clients) == 0 {
			f.clients = map[string]Client{} // a map that was large keeps its memory
		}
	}
}

// ExpiryOf returns the expiry of a client's stream, and nil when the client has no stream.
func (f *Room) ExpiryOf(clientID string) *Expiry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clients[clientID].Expiry
}
