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
