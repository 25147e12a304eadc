package sqlserver

import (
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/sqlstore/internal/logtail"
)

func TestTailWaitsForNoUncommittedRow(t *testing.T) {
	for _, query := range []string{tailRows, lastID} {
		reads := strings.Count(query, "sync_change_log")
		if got := strings.Count(query, "WITH (READCOMMITTEDLOCK, READPAST)"); got != reads {
			t.Errorf("%d of %d reads skip uncommitted rows in\n%s", got, reads, query)
		}
	}
}

func TestTailWithAllGapsFitsIntoTheParametersOfAStatement(t *testing.T) {
	const limit, others = 2100, 7
	gaps := make([]logtail.Gap, logtail.MaxGaps)
	statement := sized([]sizedStatement{{rows: gapSizes[0]}, {rows: gapSizes[len(gapSizes)-1]}}, len(gaps))
	if statement.rows < len(gaps) {
		t.Errorf("the largest statement has %d gaps of %d", statement.rows, len(gaps))
	}
	if n := len(gapArguments(gaps, statement.rows)) + others; n > limit {
		t.Errorf("%d parameters", n)
	}
}

func TestGapIsSettledByAgeUnlessItHasUncommittedRows(t *testing.T) {
	at := func(now time.Duration) *logtail.Page {
		started, finished := marks(now)
		return &logtail.Page{Started: started, Finished: finished}
	}
	c := logtail.Cursor{Next: 1}
	first := at(0)
	first.Rows = []logtail.Row{{ID: 2, Room: "a", ServerSeq: 1}, {ID: 4, Room: "a", ServerSeq: 2}}
	c.Advance(first, time.Time{})
	if c.Advance(at(settleAfter-time.Second), time.Time{}); len(c.Gaps) != 2 {
		t.Fatalf("gaps %v", c.Gaps)
	}
	old := at(settleAfter)
	old.Active = map[int64]bool{3: true}
	if c.Advance(old, time.Time{}); len(c.Gaps) != 1 || c.Gaps[0].First != 3 {
		t.Fatalf("gaps %v", c.Gaps)
	}
}
