package feed

import (
	"bufio"
	"context"
	"io"
	"runtime"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sse"
)

const (
	// PageSize aligns ranges: they end where serverSeq is a multiple of it, wherever a reader begins, so that readers that
	// are far behind request the same URLs.
	PageSize = 100

	// MaxChanges is the maximum number of batches in one response.
	MaxChanges = 1000

	// MaxRangeBytes limits the batches in one response, unless the first batch alone is larger.
	MaxRangeBytes = 1 << 20

	rangeBuffer = 16 << 10
)

// Range is consecutive batches as JSON. Only their number and size are in memory: the frames are read once to find the end
// of the response, and again while it is sent, so a client that reads slowly holds one run of frames.
type Range struct {
	feed  *Room
	room  *core.Room
	after int64
	extent
	aligned extent // up to the last multiple of PageSize; zero if the range has none
}

type extent struct {
	count int
	bytes int // without the commas in between
}

// Range returns the batches after one serverSeq up to another. It has fewer batches if the response would be too large.
// Where it ends depends on the batches alone, and not on the source they were read from.
func (f *Room) Range(ctx context.Context, room *core.Room, after, through int64) (*Range, error) {
	r := &Range{feed: f, room: room, after: after}
	through = min(through, after+MaxChanges)
	for last := after; last < through; {
		frames, to, err := f.run(ctx, room, last, through)
		if err != nil {
			return nil, err
		}
		for delta := range sse.Payloads(frames) {
			if r.count > 0 && r.bytes+len(delta) > MaxRangeBytes {
				return r, nil
			}
			r.count++
			r.bytes += len(delta)
			if r.Last()%PageSize == 0 {
				r.aligned = r.extent
			}
		}
		last = to
	}
	return r, nil
}

// Last returns the serverSeq of the last batch.
func (r *Range) Last() int64 { return r.after + int64(r.count) }

// Len returns how many bytes Write writes.
func (r *Range) Len() int { return r.bytes + max(0, r.count-1) }

// Write writes the batches, separated by commas. It fails when they cannot be read again, or with the error of w.
func (r *Range) Write(ctx context.Context, w io.Writer) error {
	buffered := bufio.NewWriterSize(w, min(r.Len()+1, rangeBuffer))
	for after, left := r.after, r.count; left > 0; {
		frames, last, err := r.feed.run(ctx, r.room, after, r.Last())
		if err != nil {
			return err
		}
		for delta := range sse.Payloads(frames) {
			if left < r.count {
				_ = buffered.WriteByte(',') // Flush returns the error
			}
			if _, err := buffered.Write(delta); err != nil {
				return err
			}
			left--
		}
		after = last
		runtime.Gosched() // many readers must not delay writers
	}
	return buffered.Flush()
}

// Align cuts a range at the last multiple of PageSize, if it has one.
func (r *Range) Align() {
	if r.aligned.count > 0 {
		r.extent = r.aligned
	}
}
