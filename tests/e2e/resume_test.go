package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// fill posts batches to a room, and returns the replica of a reader that has received them all.
func fill(s *server, room string, n int) *replica {
	s.t.Helper()
	r := s.read(room, "")
	defer r.close()
	r.begins()
	for i := range n {
		s.set(room, fmt.Sprintf("k%d", i%10), fmt.Sprintf(`{"i":%d,"text":"a line\nand another"}`, i))
	}
	r.reaches(int64(n))
	return r.replica
}

func TestAReaderResumesBehindAnyBatch(t *testing.T) {
	t.Parallel()
	const total = 60
	ring := startServer(t)
	seen := fill(ring, "board", total)

	// The same history, from servers that read it from other places.
	log := startServer(t)
	kept := map[*server]*replica{ring: seen, log: fill(log, "board", total)}
	log.kill()
	log.start() // nothing of it is in the memory of this process
	both := startServer(t, "--feed-bytes", "4096")
	kept[both] = fill(both, "board", total)

	for _, source := range []struct {
		name   string
		server *server
	}{{"from memory", ring}, {"from the log", log}, {"from the log and memory", both}} {
		for _, seq := range []int64{0, 1, 31, 58, 59, 60} {
			for _, way := range []string{"header", "query"} {
				t.Run(fmt.Sprintf("%s/behind %d/%s", source.name, seq, way), func(t *testing.T) {
					s, seen := source.server, kept[source.server]
					got := newReplica("board")
					var r *reader
					position := fmt.Sprintf("%s-%d", seen.epoch, seq)
					if way == "header" {
						r = s.readFrom("board", "", position, got)
					} else {
						r = s.readFrom("board", "last_event_id="+position, "", got)
					}
					defer r.close()
					got.seq, got.epoch = seq, seen.epoch
					got.docs = seen.at(t, seq)
					events := r.begins(slices.Repeat([]string{"delta"}, total-int(seq))...)
					for i, e := range events[:total-int(seq)] {
						if want := seen.deltas[int(seq)+i].data; string(e.data) != string(want) {
							t.Fatalf("resumed, a batch is\n%s\nand was\n%s", e.data, want)
						}
					}
					s.sameState(got)
				})
			}
		}
	}
}

func TestAnUnknownPositionStartsWithWholeState(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	seen := fill(s, "board", 5)
	for name, position := range map[string]string{
		"ahead of the room":        seen.epoch + "-6",
		"far ahead":                seen.epoch + "-9223372036854775807",
		"of another history":       "another-3",
		"of the wrong room's size": seen.epoch + "-600",
	} {
		t.Run(name, func(t *testing.T) {
			got := newReplica("board")
			r := s.readFrom("board", "", position, got)
			defer r.close()
			r.begins("state")
			s.sameState(got)
			s.ask(http.MethodGet, "/v1/rooms/board/changes?after="+position, nil, "").refused(t, http.StatusGone, "position_gone")
		})
	}
}

func TestAnInvalidPositionIsRejected(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	fill(s, "board", 1)
	for _, position := range []string{"5", "-5", "x-", "x--1", "x-+1", "x-01", "x-9223372036854775808", "x-1-1", strings.Repeat("x", 64) + "-1", "ü-1"} {
		query := "?last_event_id=" + url.QueryEscape(position)
		s.ask(http.MethodGet, "/v1/rooms/board/events"+query, nil, "").refused(t, http.StatusBadRequest, "invalid_event_id")
		header := http.Header{"Last-Event-Id": {position}}
		s.ask(http.MethodGet, "/v1/rooms/board/events", header, "").refused(t, http.StatusBadRequest, "invalid_event_id")
		s.ask(http.MethodGet, "/v1/rooms/board/changes?after="+url.QueryEscape(position), nil, "").
			refused(t, http.StatusBadRequest, "invalid_event_id")
	}
}

func TestTheHeaderTakesPrecedenceOverTheQuery(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	seen := fill(s, "board", 5)
	// A browser that reconnects repeats the first URL, and adds the header.
	r := s.readFrom("board", "last_event_id="+seen.epoch+"-1", seen.epoch+"-4", newReplica("board"))
	r.replica.seq, r.replica.epoch, r.replica.docs = 4, seen.epoch, seen.at(t, 4)
	r.begins("delta")
	s.sameState(r.replica)
}

func TestWholeStateIsSentWhenItIsSmallerThanTheLog(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--feed-bytes", "65536")
	s.set("board", "small", `"stays"`)
	big := strings.Repeat("x", 200<<10)
	for i := range 10 {
		s.set("board", "big", fmt.Sprintf(`"%d %s"`, i, big))
	}
	epoch := s.snapshot("board").Epoch

	late := s.readFrom("board", "", epoch+"-1", newReplica("board"))
	late.begins("state")
	s.sameState(late.replica)

	s.set("board", "small", `"and changes"`)
	near := s.readFrom("board", "", epoch+"-11", late.replica)
	near.begins("delta")
	s.sameState(near.replica)
}

// at returns the documents at an earlier serverSeq. The replica must have all deltas from the beginning.
func (r *replica) at(t *testing.T, seq int64) documents {
	t.Helper()
	fold := newReplica(r.room)
	for _, seen := range r.deltas[:seq] {
		if err := fold.takeDelta(seen.data); err != nil {
			t.Fatal(err)
		}
	}
	return fold.docs
}
