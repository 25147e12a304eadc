package sse

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// source yields parts and counts how many have been asked for.
type source struct {
	parts [][]byte
	asked int
	err   error // at the end
}

func (s *source) next() ([]byte, error) {
	if s.asked == len(s.parts) {
		return nil, s.err
	}
	s.asked++
	return s.parts[s.asked-1], nil
}

func partsOf(text ...string) *source {
	s := &source{}
	for _, t := range text {
		s.parts = append(s.parts, []byte(t))
	}
	return s
}

func (p *peer) startPieces(f *Feed, pieces ...Piece) {
	p.stream.Start(pieces, f, f.End(), func(cause error) { p.ended <- cause })
}

func TestAPartIsReadWhenTheOneBeforeHasBeenSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, kind := range []func(Next) Piece{Frames, Parts} {
			var g Group
			f := NewFeed(FeedConfig{})
			large := partsOf(text(strings.Repeat("x", 2*maxPiece)), text("second"), text("third"))
			p := open(t, &g)
			p.startPieces(f, append([]Piece{kind(large.next)}, Plain([]byte(text("behind")))...)...)
			p.head(t)
			synctest.Wait()
			if large.asked != 1 {
				t.Errorf("%d parts are read for a reader who takes nothing", large.asked)
			}
			p.expect(t, string(large.parts[0][len("data: "):len(large.parts[0])-2]), "second", "third", "behind")
			f.Close(nil)
			p.expectEnd(t, ErrClosed)
		}
	})
}

func TestAnEndComesBetweenPartsThatAreFramesAndBehindThoseThatAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := strings.Repeat("x", 2*maxPiece)
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
			synctest.Wait() // in the first part
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

func TestAStreamWhosePartsFailEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group
		f := NewFeed(FeedConfig{})
		failing := partsOf(text("first"))
		failing.err = errors.New("the log is gone")
		p := open(t, &g)
		p.startPieces(f, Frames(failing.next))
		p.head(t)
		p.expect(t, "first")
		p.expectEnd(t, ErrLagged)
	})
}

func TestPartsOfSeveralSourcesGetTheirIDs(t *testing.T) {
	start := func(s *Stream, onEnd func(error)) {
		a, b := NewFeed(FeedConfig{}), NewFeed(FeedConfig{})
		s.StartMerged(nil, []Source{
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

func TestRunReturnsTheFramesOfEventsInOneChunk(t *testing.T) {
	f := NewFeed(FeedConfig{MaxBytes: 6 << 10, StartSeq: 10})
	frames := map[int64]string{}
	for seq := int64(11); seq <= 60; seq++ {
		frame := event(t, seq, 100)
		frames[seq] = string(frame)
		mustAppend(t, f, seq, frame)
		say(t, f, fmt.Sprint("between ", seq))
	}
	if _, _, ok := f.Run(10, 60); ok {
		t.Error("what was dropped is there")
	}
	if frames, last, ok := f.Run(60, 70); !ok || last != 60 || len(frames) > 0 {
		t.Errorf("behind the last: %q, %d, %v", frames, last, ok)
	}
	if _, _, ok := f.Run(61, 70); ok {
		t.Error("there is something ahead of the feed")
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
			want.Write(eventData([]byte(frames[seq])))
		}
		equal(t, got.String(), want.String())
	}
}
