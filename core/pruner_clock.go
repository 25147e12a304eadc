package core

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

const (
	// clockSetting is the name under which the retention clock is stored, in milliseconds since the Unix epoch.
	clockSetting = "retention_clock"
	// aheadOf: a wall clock that is further ahead of the retention clock is logged.
	aheadOf = time.Hour
)

// advanceClock advances the retention clock and stores it. The first call starts the clock.
func (p *pruner) advanceClock() error {
	if p.cfg.Retention.Age <= 0 {
		return nil
	}
	var database time.Time
	err := p.call(p.cfg.StoreTimeout, func(ctx context.Context) (err error) {
		database, err = p.hub.store().Now(ctx)
		return err
	})
	if err != nil {
		return err
	}
	now := time.Now()
	wall := p.cfg.WallClock().Round(0) // without the monotonic clock
	if p.read.IsZero() {
		if p.clock.now, err = p.startClock(earlier(wall, database)); err != nil {
			return err
		}
	} else {
		p.clock.advance(now.Sub(p.read), wall, database)
	}
	p.read = now
	if ahead := wall.Sub(p.clock.now); ahead > aheadOf && !p.warned {
		p.warned = true
		p.cfg.Log.Warn("wall clock is ahead of the retention clock; the log is pruned by the retention clock, which catches up at double speed",
			"clock", wall, "retention", p.clock.now)
	}
	return p.call(p.cfg.StoreTimeout, func(ctx context.Context) error {
		return p.hub.store().SaveSetting(ctx, clockSetting, strconv.FormatInt(p.clock.now.UnixMilli(), 10))
	})
}

// startClock returns the start of the retention clock: its stored value, or else the time of the newest batch, or else now.
// It is never later than now.
func (p *pruner) startClock(now time.Time) (time.Time, error) {
	var stored string
	err := p.call(p.cfg.StoreTimeout, func(ctx context.Context) (err error) {
		stored, err = p.hub.store().Setting(ctx, clockSetting)
		return err
	})
	if err != nil {
		return time.Time{}, err
	}
	var at int64
	if stored != "" {
		if at, err = strconv.ParseInt(stored, 10, 64); err != nil {
			return time.Time{}, fmt.Errorf("reading the setting %s: %w", clockSetting, err)
		}
	} else if at, err = p.newest(); err != nil {
		return time.Time{}, err
	}
	if at == 0 {
		return now, nil
	}
	return earlier(now, time.UnixMilli(at)), nil
}

// newest returns the time of the newest batch at a checkpoint, in milliseconds since the Unix epoch, and 0 when the log is
// empty.
func (p *pruner) newest() (newest int64, err error) {
	for room := ""; ; {
		if room, err = p.nextRoom(room); err != nil || room == "" {
			return newest, err
		}
		err := p.call(p.cfg.StoreTimeout, func(ctx context.Context) error {
			checkpoint, err := p.hub.store().Checkpoint(ctx, room)
			if err != nil {
				return err
			}
			last, err := p.hub.store().Oldest(ctx, room, max(0, checkpoint.ServerSeq-1), Bounds{Rows: 1, Bytes: 1})
			for _, b := range last {
				newest = max(newest, b.ServerTs)
			}
			return err
		})
		if err != nil {
			return 0, err
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
