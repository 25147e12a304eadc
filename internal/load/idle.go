package load

import (
	"context"
	"fmt"
	"time"
)

// idle measures the memory of streams, first with a clientId, and then, on a new process, without.
func idle(_ context.Context, s *Target, o Options) (r Report, err error) {
	for _, present := range []bool{true, false} {
		perStream, err := idleStreams(s, o, present, &r)
		if err != nil {
			return r, err
		}
		if present {
			r.add("%.1f KiB for each stream with clientId", perStream)
			if err := s.restart(); err != nil {
				return r, err
			}
		} else {
			r.add("%.1f KiB without", perStream)
		}
	}
	return r, nil
}

// idleStreams opens streams and returns the memory of one in KiB.
func idleStreams(s *Target, o Options, present bool, r *Report) (float64, error) {
	// In this time, memory is freed that was needed only to start the server or to open the streams. Runs that are shorter only check
	// that the load works.
	settle := min(5*time.Second, o.Duration)
	streams := o.size
	const rooms = 100
	for i := range rooms { // the memory of the rooms is not counted
		if _, err := s.lastSeq(s.name("idle", i)); err != nil {
			return 0, err
		}
	}
	a := newReaders(streams, false)
	const warmUp = 100 // streams: the program is in memory before the others are opened
	for i := -warmUp; i < streams; i++ {
		if i == 0 {
			s.sleep(settle)
			r.begin(s)
		}
		client := ""
		if present {
			client = s.name("idle", i)
		}
		reader := newReader(client)
		if err := a.dial(reader, s, s.name("idle", (i+warmUp)%rooms)); err != nil {
			return 0, fmt.Errorf("stream %d: %w", i, err)
		}
		defer reader.close()
		if err := reader.await(20 * time.Second); err != nil {
			return 0, fmt.Errorf("stream %d: %w", i, err)
		}
	}
	s.sleep(settle)
	r.end(s)
	return float64(r.ended.RSS-r.began.RSS) / 1024 / float64(streams), nil
}
