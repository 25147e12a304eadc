package httpapi

import (
	"maps"
	"net"
	"net/http"
	"slices"
	"time"
)

// Recorder is told what a Server answers, for those who measure it. Its methods must not block.
type Recorder interface {
	// Answered is told of each request but those that become streams: its route as Routes has it, "" if there is none;
	// the status; and how long it took.
	Answered(route string, status int, took time.Duration)
	// Refused is told the code of each problem that a request was answered with.
	Refused(code Code)
	// StreamStarted and StreamEnded are told of each stream. The cause is one of package sse.
	StreamStarted()
	StreamEnded(cause error)
}

type nopRecorder struct{}

func (nopRecorder) Answered(string, int, time.Duration) {}
func (nopRecorder) Refused(Code)                        {}
func (nopRecorder) StreamStarted()                      {}
func (nopRecorder) StreamEnded(error)                   {}

// FeedStats is what feeds and streams there are at a moment.
type FeedStats struct {
	Streams int
	Bytes   int // of framed events that are kept in memory
}

// What clients take in memory, about: a stream; a connection that is not a stream, with its buffers and its goroutine; and
// a request that is under way.
const (
	streamMemory     = 14 << 10
	connectionMemory = 20 << 10
	requestMemory    = 16 << 10
)

// ConnState counts the connections of an http.Server, whose ConnState it is to be.
func (s *Server) ConnState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.connections.Add(1)
	case http.StateHijacked, http.StateClosed:
		s.connections.Add(-1)
	case http.StateActive, http.StateIdle: // it is counted already
	}
}

// memory is about how many bytes are taken outside of rooms: by connections, by what they send and are sent, and by what
// is kept to be sent. retained is memory of old versions that slow readers may still hold. garbage is memory of ended
// requests that the collector has not freed yet.
func (s *Server) memory() (used, retained, garbage int64) {
	f := s.feeds
	used = int64(f.streams.Len())*streamMemory + s.connections.Load()*connectionMemory + s.requests.Load()*requestMemory
	used += s.intake.memory() + int64(f.pages.memory()+s.tickets.memory())
	return used, f.retained.Bytes(), s.intake.garbage.Bytes()
}

// Stats returns what there is now.
func (f *Feeds) Stats() FeedStats {
	f.mu.Lock()
	open := slices.Collect(maps.Keys(f.open))
	f.mu.Unlock()
	stats := FeedStats{Streams: f.streams.Len()}
	for _, feed := range open {
		stats.Bytes += feed.Bytes()
	}
	return stats
}
