package httpapi

import (
	"maps"
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

// What connections take in memory, about: one that has become a stream, and one with a request under way.
const (
	streamMemory  = 12 << 10
	requestMemory = 24 << 10
)

// memory is about how many bytes are taken outside of rooms: by connections, by what they send and are sent, and by what
// is kept to be sent. retained is what is not kept any more, and slow readers may still hold.
func (s *Server) memory() (used, retained int64) {
	f := s.cfg.Feeds
	used = int64(f.streams.Len())*streamMemory + s.requests.Load()*requestMemory + s.intake.memory() + int64(f.pages.memory())
	return used, f.retained.Bytes()
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
