package sse

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// partSource returns parts and counts the calls.
type partSource struct {
	parts [][]byte
	calls int
	err   error // after the last part
}

func (s *partSource) next() ([]byte, error) {
	if s.calls == len(s.parts) {
		return nil, s.err
	}
	s.calls++
	return s.parts[s.calls-1], nil
}

func partsOf(text ...string) *partSource {
	s := &partSource{}
	for _, t := range text {
		s.parts = append(s.parts, []byte(t))
	}
	return s
}

func (p *peer) startPieces(f *Feed, pieces ...Piece) {
	p.stream.Start(pieces, f, f.End(), func(cause error) { p.ended <- cause })
}

func TestPartIsReadAfterThePreviousOneIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := strings.Repeat("x", 2*maxWrite)
		for _, test := range []struct {
			kind  func(Next) Piece
			parts []string
			want  []string
		}{
			{Frames, []string{text(x), text("second"), text("third")}, []string{x, "second", "third"}},
			{Parts, []string{"data: " + x, "second", "third\n\n"}, []string{x + "secondthird"}},
		} {
			var g Group
			f := NewFeed(FeedConfig{})
			large := partsOf(test.parts...)
			p := open(t, &g)
			p.startPieces(f, append([]Piece{test.kind(large.next)}, Plain([]byte(text("after")))...)...)
			p.head(t)
			synctest.Wait()
			if large.calls != 1 {
				t.Errorf("%d parts are in memory for a reader that reads nothing", large.calls)
			}
			p.expect(t, append(test.want, "after")...)
			f.Close(nil)
			p.expectEnd(t, ErrClosed)
		}
	})
}

func TestEndWaitsForPartsThatAreNotWholeFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := strings.Repeat("x", 2*maxWrite)
		for name, test := range map[string]struct {
			piece func(Next) Piece
			parts []string
			want  []string
		}{
			"frames": {Frames, []string{text(x), text("never sent")}, []string{x, "last"}},
			"parts":  {Parts, []string{"data: " + x, "y", "z\n\n"}, []string{x + "yz", "last"}},
		} {
			var g Group
			f := NewFeed(FeedConfig{})
			p := open(t, &g)
			p.startPieces(f, append([]Piece{test.piece(partsOf(test.parts...).next)}, Plain([]byte(text("never sent")))...)...)
			p.head(t)
			synctest.Wait() // the write of the first part blocks
			p.stream.End([]byte(text("last")))
			for _, want := range test.want {
				m, err := p.next()
				if err != nil || m.data != want {
					t.Fatalf("%s: %.20q, %v", name, m.data, err)
				}
			}
			p.expectEnd(t, ErrEnded)
		}
	})
}

func TestStreamEndsWhenReadingAPartFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		failing := partsOf(text("first"))
		failing.err = errors.New("the log is closed")
		p := open(t, &g)
		p.startPieces(f, Frames(failing.next))
		p.head(t)
		p.expect(t, "first")
		p.expectEnd(t, ErrLagged)
	})
}

func TestMuxReplacesIDsInPartsOfWholeFrames(t *testing.T) {
	start := func(s *Stream, onEnd func(error)) {
		a, b := NewFeed(FeedConfig{}), NewFeed(FeedConfig{})
		s.StartMux(nil, []Source{
			{Feed: a, From: a.End(), Prelude: []Piece{
				Frames(partsOf(string(event(t, 1, 0))+string(event(t, 2, 0)), string(event(t, 3, 2*maxCopied))).next),
				Parts(partsOf("data: in ", "parts\n", "\n").next),
			}},
			{Feed: b, From: b.End(), Prelude: []Piece{Frames(partsOf(string(event(t, 9, 0))).next)}},
		}, lastIDs(2), onEnd)
	}
	check := func(t *testing.T, p *peer) {
		p.expectIDs(t, "1| 1", "2| 2", "3| 3", "3| in parts", "3|9 9")
		p.Close()
		p.expectCause(t, ErrGone)
	}
	synctest.Test(t, func(t *testing.T) {
		var g Group
		p := open(t, &g)
		start(p.stream, func(cause error) { p.ended <- cause })
		p.head(t)
		check(t, p)
	})
	inEachEncoding(t, func(t *testing.T, encoding string) {
		p, _ := compressedPeer(t, encoding, start)
		check(t, p)
	})
}

func TestRunReturnsTheEventsOfOneSegment(t *testing.T) {
	f := NewFeed(FeedConfig{MaxBytes: 6 << 10, StartSeq: 10})
	frames := map[int64]string{}
	for seq := int64(11); seq <= 60; seq++ {
		frame := event(t, seq, 100)
		frames[seq] = string(frame)
		mustAppend(t, f, seq, frame)
		publish(t, f, fmt.Sprint("between ", seq))
	}
	if _, _, ok := f.Run(10, 60); ok {
		t.Error("Run returns dropped events")
	}
	if frames, last, ok := f.Run(60, 70); !ok || last != 60 || len(frames) > 0 {
		t.Errorf("after the last event: %q, %d, %v", frames, last, ok)
	}
	if _, _, ok := f.Run(61, 70); ok {
		t.Error("Run returns events after the end of the feed")
	}
	for through := int64(40); through <= 60; through++ {
		var got, want strings.Builder
		after := int64(39)
		if _, ok := f.After(after); !ok {
			t.Fatal("the feed is too small for this test")
		}
		for after < through {
			run, last, ok := f.Run(after, through)
			if !ok || last <= after || last > through {
				t.Fatalf("Run(%d, %d): %d, %v", after, through, last, ok)
			}
			for data := range Payloads(run) {
				got.Write(data)
			}
			after = last
		}
		for seq := int64(40); seq <= through; seq++ {
			want.Write(eventData(textOf([]byte(frames[seq]))))
		}
		equal(t, got.String(), want.String())
	}
}
