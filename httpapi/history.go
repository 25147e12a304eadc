package httpapi

import (
	"context"

	"github.com/pathsync/pathsync/core"
)

// run returns the frames of batches that follow on a serverSeq, up to another at most, and the serverSeq of the last: from
// the feed's memory while it reaches back that far, and otherwise from the log. It is one piece of what all readers share,
// and should be let go of before the next is asked for. What it is asked for must have been told to readers already, lest
// the log gets ahead of them. It fails with PositionGone when the log does not have the first of the batches.
func (f *roomFeed) run(ctx context.Context, room *core.Room, after, through int64) (frames []byte, last int64, err error) {
	if frames, last, ok := f.Run(after, through); ok && last > after {
		return frames, last, nil
	}
	return f.feeds.pages.between(ctx, room, after, through)
}
