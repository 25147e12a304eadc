package sse

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"weak"
)

// event returns the frame of an event whose id is its seq, with about size bytes of data.
func event(t testing.TB, seq int64, size int) []byte {
	id := strconv.FormatInt(seq, 10)
	return mustFrame(t, id, "", id+strings.Repeat(".", max(0, size-len(id))))
}

func mustAppend(t testing.TB, f *Feed, seq int64, frame []byte) {
	t.Helper()
	if err := f.Append(seq, frame); err != nil {
		t.Fatal(err)
	}
}

// reader returns a cursor at a position.
func reader(t testing.TB, f *Feed, pos Position) *cursor {
	t.Helper()
	s, ok := f.segmentAt(pos)
	if !ok {
		t.Fatalf("position %d is not in the feed", pos)
	}
	return &cursor{feed: f, segment: s, pos: pos}
}

// drain reads everything pending.
func drain(t testing.TB, c *cursor) string {
	t.Helper()
	var all []byte
	for {
		run, err := c.pending()
		if err != nil {
			t.Fatal(err)
		}
		if len(run) == 0 {
			return string(all)
		}
		all = append(all, run...)
		c.advance(len(run))
	}
}

func after(t testing.TB, f *Feed, seq int64) Position {
	t.Helper()
	pos, ok := f.After(seq)
	if !ok {
		t.Fatalf("the feed does not reach back to %d", seq)
	}
	return pos
}

func TestFramesAfterAnEventFollowItsPosition(t *testing.T) {
	f := NewFeed(FeedConfig{StartSeq: 10})
	frames := []string{"comment|", "eleven|", "presence|", "twelve|", "fourteen|", "heartbeat|"}
	for i, seq := range []int64{0, 11, 0, 12, 14, 0} {
		mustAppend(t, f, seq, []byte(frames[i]))
	}
	equal(t, f.LastSeq(), 14)

	tests := []struct {
		seq  int64
		ok   bool
		want string
	}{
		{9, false, ""},
		{10, true, "comment|eleven|presence|twelve|fourteen|heartbeat|"},
		{11, true, "presence|twelve|fourteen|heartbeat|"},
		{12, true, "fourteen|heartbeat|"},
		{13, true, "fourteen|heartbeat|"},
		{14, true, "heartbeat|"},
		{15, false, ""},
	}
	for _, tt := range tests {
		pos, ok := f.After(tt.seq)
		if ok != tt.ok {
			t.Fatalf("After(%d): %v", tt.seq, ok)
		}
		if ok {
			equal(t, drain(t, reader(t, f, pos)), tt.want)
		}
	}
	equal(t, drain(t, reader(t, f, f.End())), "")
}

func TestEmptyFeedHasStartSeq(t *testing.T) {
	f := NewFeed(FeedConfig{StartSeq: 7})
	equal(t, f.LastSeq(), 7)
	equal(t, after(t, f, 7), f.End())
	for _, seq := range []int64{6, 8} {
		if _, ok := f.After(seq); ok {
			t.Errorf("After(%d) is in an empty feed that starts at 7", seq)
		}
	}
	payloads, last, ok := payloadsAfter(f, 7, 100)
	if len(payloads) != 0 || last != 7 || !ok {
		t.Errorf("Payloads(7): %q, %d, %v", payloads, last, ok)
	}
}

func TestAppendRefusesSeqThatDoesNotIncrease(t *testing.T) {
	f := NewFeed(FeedConfig{StartSeq: 5})
	for _, seq := range []int64{5, 4, -1} {
		if err := f.Append(seq, []byte("x")); !errors.Is(err, ErrOrder) {
			t.Errorf("appending %d after 5: %v", seq, err)
		}
	}
	equal(t, f.End(), 0)
	mustAppend(t, f, 6, []byte("x"))
}

func TestClosedFeedRefusesFramesAndIsStillReadable(t *testing.T) {
	f := NewFeed(FeedConfig{})
	mustAppend(t, f, 1, event(t, 1, 10))
	f.Close(nil)
	f.Close(nil)
	for _, seq := range []int64{0, 2} {
		if err := f.Append(seq, []byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("appending to a closed feed: %v", err)
		}
	}
	payloads, _, ok := payloadsAfter(f, 0, 100)
	if len(payloads) != 1 || !ok {
		t.Error("its event cannot be read any more")
	}
}

// The test compares feeds of several sizes with a list of all frames.
func TestFeedHoldsTheTailOfItsHistory(t *testing.T) {
	for _, maxBytes := range []int{1, 100, 1000, 20_000, 1 << 20} {
		t.Run(fmt.Sprintf("of %d bytes", maxBytes), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, uint64(maxBytes)))
			f := NewFeed(FeedConfig{MaxBytes: maxBytes})
			var all string // all frames that were appended
			var ends []int // ends[seq] is where the event ends in all
			ends = append(ends, 0)
			for seq := int64(0); seq < 500; {
				frame := AppendComment(nil, strings.Repeat("x", rnd.IntN(20)))
				n := int64(0)
				if rnd.IntN(3) > 0 {
					seq++
					n = seq
					frame = event(t, seq, rnd.IntN(1+rnd.IntN(400)))
				}
				mustAppend(t, f, n, frame)
				all += string(frame)
				if n > 0 {
					ends = append(ends, len(all))
				}

				if kept := f.bytes; kept > max(maxBytes, len(frame)) {
					t.Fatalf("%d bytes are kept after a frame of %d", kept, len(frame))
				}
				if _, ok := f.segmentAtLocked(f.End() - Position(len(frame))); !ok {
					t.Fatal("the newest frame is dropped")
				}
				if rnd.IntN(50) == 0 {
					checkTail(t, f, all, ends)
				}
			}
			if maxBytes >= 1000 && len(all)-int(f.segments[0].start) < min(len(all), maxBytes/2) {
				t.Errorf("%d bytes are kept of at most %d", len(all)-int(f.segments[0].start), maxBytes)
			}
		})
	}
}

func checkTail(t *testing.T, f *Feed, all string, ends []int) {
	t.Helper()
	oldest := int(f.segments[0].start)
	last := len(ends) - 1
	for seq := range ends {
		pos, ok := f.After(int64(seq))
		// All events after seq are kept if the next one is.
		reaches := seq == last || ends[seq+1] > oldest
		if ok != reaches {
			t.Fatalf("After(%d) of %d: %v; bytes are kept from %d", seq, last, ok, oldest)
		}
		if ok && int(pos) != max(ends[seq], oldest) {
			t.Fatalf("After(%d) is at %d; the event ended at %d, and bytes are kept from %d", seq, pos, ends[seq], oldest)
		}
		if !ok || seq%17 != 0 && seq != last { // reading all of them takes long
			continue
		}
		equal(t, drain(t, reader(t, f, pos)), all[pos:])
		payloads, to, ok := payloadsAfter(f, int64(seq), int64(last))
		if !ok || to != int64(last) || len(payloads) != last-seq {
			t.Fatalf("Payloads(%d): %d of them, up to %d of %d, %v", seq, len(payloads), to, last, ok)
		}
		for i, m := range messages(textOf([]byte(all[pos:]))) {
			equal(t, string(payloads[i]), m.data)
		}
	}
}

func TestRunEndsAtTheGivenSeq(t *testing.T) {
	f := NewFeed(FeedConfig{})
	for seq := range int64(5) {
		mustAppend(t, f, seq+1, mustFrame(t, "id", "delta", strings.Repeat("x", 100)))
		mustAppend(t, f, 0, mustFrame(t, "", "presence", "nobody"))
	}
	tests := map[string]struct {
		after, through int64
		count          int
		last           int64
	}{
		"by nothing":   {0, 100, 5, 5},
		"by an event":  {1, 3, 2, 3},
		"by the next":  {1, 2, 1, 2},
		"by the end":   {4, 100, 1, 5},
		"at the end":   {5, 100, 0, 5},
		"at the start": {2, 2, 0, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if frames, _, _ := f.Run(tt.after, tt.through); bytes.Contains(frames, []byte("nobody")) {
				t.Errorf("a run has a frame that is not resumable: %q", frames)
			}
			payloads, last, ok := payloadsAfter(f, tt.after, tt.through)
			if len(payloads) != tt.count || last != tt.last || !ok {
				t.Errorf("%d payloads, up to %d, %v; want %d, up to %d", len(payloads), last, ok, tt.count, tt.last)
			}
		})
	}
}

// payloadsAfter returns the data of all events after a seq and up to another, run by run.
func payloadsAfter(f *Feed, after, through int64) (payloads [][]byte, last int64, ok bool) {
	for {
		frames, last, ok := f.Run(after, through)
		if !ok || len(frames) == 0 {
			return payloads, last, ok
		}
		payloads, after = slices.AppendSeq(payloads, Payloads(frames)), last
	}
}

func TestPayloadsRemainValidAfterTheFeedDropsThem(t *testing.T) {
	f := NewFeed(FeedConfig{MaxBytes: 1000})
	mustAppend(t, f, 1, event(t, 1, 50))
	payloads, _, _ := payloadsAfter(f, 0, 1)
	want := string(payloads[0])
	for seq := int64(2); seq < 1000; seq++ {
		mustAppend(t, f, seq, event(t, seq, 50))
	}
	equal(t, string(payloads[0]), want)
}

func TestUpToDateReaderGetsFrameLargerThanMaxBytes(t *testing.T) {
	f := NewFeed(FeedConfig{MaxBytes: 1000})
	r := reader(t, f, f.End())
	for seq := range int64(5) {
		frame := event(t, seq+1, 5000)
		mustAppend(t, f, seq+1, frame)
		equal(t, drain(t, r), string(frame))
	}
}

func TestReaderOfDroppedFramesLags(t *testing.T) {
	f := NewFeed(FeedConfig{MaxBytes: 1000})
	r := reader(t, f, f.End())
	for seq := range int64(100) {
		mustAppend(t, f, seq+1, event(t, seq+1, 100))
	}
	for {
		run, err := r.pending()
		if err != nil {
			if _, again := r.pending(); !errors.Is(err, ErrLagged) || !errors.Is(again, ErrLagged) {
				t.Fatal(err, again)
			}
			return
		}
		if len(run) == 0 {
			t.Fatal("the reader reached the end")
		}
		r.advance(len(run))
	}
}

func TestStuckReaderKeepsOneSegmentInMemory(t *testing.T) {
	f := NewFeed(FeedConfig{MaxBytes: 1000})
	mustAppend(t, f, 1, event(t, 1, 100))
	stuck := reader(t, f, 0)
	if run, err := stuck.pending(); len(run) == 0 || err != nil {
		t.Fatal(run, err)
	}
	mustAppend(t, f, 2, event(t, 2, 100))
	second := weak.Make(f.segments[len(f.segments)-1])
	if second.Value() == stuck.segment {
		t.Fatal("both events are in one segment")
	}
	for seq := int64(3); seq < 100; seq++ {
		mustAppend(t, f, seq, event(t, seq, 100))
	}
	runtime.GC()
	if second.Value() != nil {
		t.Error("the dropped segment after the stuck reader's is still in memory")
	}
	runtime.KeepAlive(stuck)
}

// Readers start at different positions while a writer appends. The race detector checks the memory that they share.
func TestConcurrentReadersGetEachEventOnce(t *testing.T) {
	const readers, events = 8, 1000
	f := NewFeed(FeedConfig{MaxBytes: 4 << 20}) // no reader lags
	var done sync.WaitGroup
	for i := range readers {
		done.Go(func() {
			seq := int64(i * events / readers / 2)
			for f.LastSeq() < seq {
				runtime.Gosched()
			}
			pos, ok := f.After(seq)
			if !ok {
				t.Errorf("reader %d cannot start after %d", i, seq)
				return
			}
			c := reader(t, f, pos)
			for seq < events {
				run, err := c.pending()
				if err != nil {
					t.Error(err)
					return
				}
				if len(run) == 0 {
					runtime.Gosched()
					continue
				}
				for _, m := range messages(textOf(run)) {
					seq++
					if m.id != strconv.FormatInt(seq, 10) {
						t.Errorf("reader %d got %s instead of %d", i, m.id, seq)
						return
					}
				}
				c.advance(len(run))
			}
		})
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for seq := range int64(events) {
		mustAppend(t, f, seq+1, event(t, seq+1, rnd.IntN(1000)))
		if rnd.IntN(10) == 0 {
			runtime.Gosched()
		}
	}
	done.Wait()
}

func BenchmarkAppend(b *testing.B) {
	f := NewFeed(FeedConfig{})
	frame := event(b, 1, 200)
	seq := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		_ = f.Append(seq, frame)
	}
}

func BenchmarkAfter(b *testing.B) {
	f := NewFeed(FeedConfig{})
	for seq := range int64(100_000) {
		mustAppend(b, f, seq+1, event(b, seq+1, 100))
	}
	seq := f.LastSeq() - 5000
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := f.After(seq); !ok {
			b.Fatal(seq)
		}
	}
}
