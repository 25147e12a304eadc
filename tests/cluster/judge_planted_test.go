package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// correct is a history without violations: three clients write 20 batches, which overlap in time; the last batch of each client has
// an unknown outcome, and one of those is in the log.
func correct() *history {
	h := &history{}
	for i := range 20 {
		d := delta{ServerSeq: int64(i) + 1, ClientID: fmt.Sprint("client-", i%3), ClientSeq: int64(i/3) + 1, Ops: []byte(fmt.Sprint(i))}
		h.log = append(h.log, d)
		h.writes = append(h.writes, write{client: d.ClientID, seq: d.ClientSeq, call: ms(10 * i), end: ms(10*i + 25), outcome: acknowledged, serverSeq: d.ServerSeq})
		if i == 10 {
			h.reads = append(h.reads, read{call: ms(10*i + 5), end: ms(10*i + 9), by: "a", after: 9, seq: 10})
		}
	}
	h.writes[19].outcome, h.writes[19].serverSeq = unknown, 0
	h.writes = append(h.writes,
		write{client: "client-0", seq: 8, call: ms(300), end: ms(310)},
		write{client: "client-1", seq: 8, call: ms(300), end: ms(310), outcome: refused})
	h.streams = []stream{{"from the start", 0, append([]delta{}, h.log...)}, {"from 5 on", 5, append([]delta{}, h.log[5:]...)}}
	return h
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func TestHistoryWithoutViolationIsAccepted(t *testing.T) {
	if violations := judge(correct()); len(violations) > 0 {
		t.Errorf("violations: %v", violations)
	}
}

// Each violation that is planted into a history is found.
func TestPlantedViolationIsFound(t *testing.T) {
	for name, plant := range map[string]struct {
		change func(*history)
		want   string // part of a violation
	}{
		"an acknowledged batch is lost": {func(h *history) {
			h.log = h.log[:18]
		}, "client-0/7 was acknowledged as 19, and the log has it at 0"},
		"an acknowledged batch is at another number": {func(h *history) {
			h.writes[3].serverSeq = 5
		}, "client-0/2 was acknowledged as 5, and the log has it at 4"},
		"two batches are acknowledged with one number": {func(h *history) {
			h.writes[4].serverSeq = 4
		}, "have no order"},
		"a batch is in the log twice": {func(h *history) {
			d := h.log[19]
			d.ServerSeq = 21
			h.log = append(h.log, d)
		}, "client-1/7 is in the log at 20 and 21"},
		"the log has a gap": {func(h *history) {
			h.log = append(h.log[:7:7], h.log[8:]...)
		}, "batch 9 is at place 8"},
		"batches of a client are reordered": {func(h *history) {
			h.log[0].ClientSeq, h.log[3].ClientSeq = 2, 1
		}, "client-0/1 comes after number 2"},
		"a refused batch is in the log": {func(h *history) {
			h.writes[19].outcome = refused
		}, "client-1/7 was refused"},
		"a batch was not sent": {func(h *history) {
			h.writes = h.writes[1:]
		}, "client-0/1, was not sent"},
		"a later write has a lower number": {func(h *history) {
			h.log[3], h.log[12] = h.log[12], h.log[3]
			h.log[3].ServerSeq, h.log[12].ServerSeq = 4, 13
			h.writes[3].serverSeq, h.writes[12].serverSeq = 13, 4
		}, "have no order"},
		"a read lacks an acknowledged batch": {func(h *history) {
			h.reads = append(h.reads, read{call: ms(150), end: ms(151), by: "a", after: 3, seq: 3})
		}, "have no order"},
		"a read lacks a batch that an earlier read has": {func(h *history) {
			h.reads = append(h.reads,
				read{call: ms(101), end: ms(102), by: "a", after: 8, seq: 11}, read{call: ms(103), end: ms(104), by: "b", after: 8, seq: 10})
		}, "have no order"},
		"a read has a batch before it was sent": {func(h *history) {
			h.reads = append(h.reads, read{call: ms(1), end: ms(2), by: "a", after: 1, seq: 5})
		}, "have no order"},
		"a read returns another last batch": {func(h *history) {
			h.reads[0].document = &document{Last: "client-0/1"}
		}, "have no order"},
		"a document is not the fold of the log": {func(h *history) {
			h.reads = append(h.reads, read{by: "a", seq: 2, document: &document{Last: "client-1/1", Counts: map[string]int64{"client-0": 1}}})
		}, "a answered at batch 2"},
		"a read is older than the number it named": {func(h *history) {
			h.reads = append(h.reads, read{by: "a", after: 7, seq: 6})
		}, "a answered with batch 6 to a request that named 7"},
		"a read is beyond the log": {func(h *history) {
			h.reads = append(h.reads, read{by: "a", seq: 21})
		}, "a answered with batch 21"},
		"a reader misses a batch": {func(h *history) {
			h.streams[0].deltas = append(h.streams[0].deltas[:7:7], h.streams[0].deltas[8:]...)
		}, "from the start got batch 9 instead of 8"},
		"a reader gets a batch twice": {func(h *history) {
			h.streams[1].deltas = append(h.streams[1].deltas[:3:3], h.streams[1].deltas[2:]...)
		}, "from 5 on got batch 8 instead of 9"},
		"a reader gets another batch": {func(h *history) {
			h.streams[0].deltas[7].Ops = []byte("another")
		}, "from the start got client-1/3 as batch 8"},
		"a reader ends early": {func(h *history) {
			h.streams[0].deltas = h.streams[0].deltas[:19]
		}, "from the start ends at batch 19"},
	} {
		t.Run(name, func(t *testing.T) {
			h := correct()
			plant.change(h)
			violations := judge(h)
			if !strings.Contains(strings.Join(violations, "\n"), plant.want) {
				t.Errorf("violations: %q, want %q", violations, plant.want)
			}
		})
	}
}
