package core

import (
	"testing"
	"time"
)

func TestRetentionClockIsAtMostTwiceAsFastAndNeverAhead(t *testing.T) {
	const year = 365 * 24 * time.Hour
	start := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		wall, database time.Duration // offsets of the clocks after the first hour
		minutes        int
		want           time.Duration // after start, at the end
	}{
		"right clocks":                      {0, 0, 180, 180 * time.Minute},
		"the wall clock jumps a year ahead": {year, 0, 180, 180 * time.Minute}, // the database's clock limits it
		"both jump ahead":                   {year, year, 180, 60*time.Minute + 2*120*time.Minute},
		"both fall back":                    {-year, -year, 180, 59 * time.Minute}, // it does not advance
		"the database's falls back":         {0, -time.Hour, 180, 120 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			clock := retentionClock{now: start}
			before := clock.now
			for minute := 1; minute <= c.minutes; minute++ {
				real := start.Add(time.Duration(minute) * time.Minute)
				wall, database := real, real
				if minute >= 60 {
					wall, database = wall.Add(c.wall), database.Add(c.database)
				}
				clock.advance(time.Minute, wall, database)
				if clock.now.Before(before) || clock.now.Sub(before) > 2*time.Minute {
					t.Fatalf("minute %d: it went from %v to %v", minute, before, clock.now)
				}
				before = clock.now
			}
			if got := clock.now.Sub(start); (got - c.want).Abs() > 2*time.Minute {
				t.Errorf("it shows start + %v, want about %v", got, c.want)
			}
		})
	}
}

func TestRetentionClockCatchesUpAfterTimeWithoutServers(t *testing.T) {
	start := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	clock := retentionClock{now: start}
	at := start.Add(10 * time.Hour) // the server was off meanwhile
	for range 10 * 60 {
		at = at.Add(time.Minute)
		clock.advance(time.Minute, at, at)
	}
	if behind := at.Sub(clock.now); behind != 0 {
		t.Errorf("it is still %v behind", behind)
	}
}
