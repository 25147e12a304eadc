package core

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// pruner shortens the log behind the checkpoints: one goroutine, in small steps with pauses, so that writers wait for none
// of them for long. What it does not get done it does later.
type pruner struct {
	worker
	hub *Hub
	cfg *Config

	clock  retentionClock
	read   time.Time // when clock was last advanced; zero: it was not started yet
	warned bool      // it was logged that the wall clock is ahead
	rows   int       // that one step removes at most
}

const (
	// prunePause is after a step that has removed something, if the step did not take longer, or the interval is shorter.
	prunePause = 50 * time.Millisecond

	// A step removes at most so many operations, or the one batch that has more. Their number is halved after a step that
	// took longer than slowStep, and doubled after one that took a quarter of that. They also stay below the number
	// of locks at which SQL Server locks a whole table.
	mostPruneRows  = 500
	leastPruneRows = 50
	pruneBytes     = 1 << 20
	slowStep       = 50 * time.Millisecond

	// clockSetting is where the retention clock is stored, in milliseconds since the Unix epoch.
	clockSetting = "retention_clock"
	// aheadOf is how far the wall clock may be ahead of the retention clock before that is logged.
	aheadOf = time.Hour
)

func newPruner(h *Hub) *pruner {
	return &pruner{worker: newWorker(), hub: h, cfg: &h.cfg, rows: mostPruneRows}
}

func (p *pruner) close() {
	p.stop()
	<-p.done
}

func (p *pruner) run() {
	defer close(p.done)
	if p.cfg.Retention.keepsAll() {
		return
	}
	p.attempt("the retention clock could not be read", p.tick)
	for p.pause(p.cfg.PruneInterval) {
		p.attempt("the log could not be shortened; it will be tried again", p.round)
	}
}

func (p *pruner) attempt(failure string, do func() error) {
	if err := do(); err != nil && p.life.Err() == nil {
		p.cfg.Log.Warn(failure, "error", err)
	}
}

// tick advances the retention clock and stores it. The first time, it starts from where it was stored.
func (p *pruner) tick() error {
	if p.cfg.Retention.Age <= 0 {
		return nil
	}
	var database time.Time
	err := p.call(func(ctx context.Context) (err error) {
		database, err = p.hub.store().Now(ctx)
		return err
	})
	if err != nil {
		return err
	}
	now := time.Now()
	wall := now.Round(0) // without the monotonic clock
	if p.read.IsZero() {
		if p.clock.now, err = p.start(earlier(wall, database)); err != nil {
			return err
		}
	} else {
		p.clock.advance(now.Sub(p.read), wall, database)
	}
	p.read = now
	if ahead := wall.Sub(p.clock.now); ahead > aheadOf && !p.warned {
		p.warned = true
		p.cfg.Log.Warn("the clock is ahead of the time that servers have seen pass; the change log is shortened by the latter, which catches up at double speed",
			"clock", wall, "retention", p.clock.now)
	}
	return p.call(func(ctx context.Context) error {
		return p.hub.store().SaveSetting(ctx, clockSetting, strconv.FormatInt(p.clock.now.UnixMilli(), 10))
	})
}

// start returns where the retention clock starts: where it was stored, and the first time at the newest batch of the log.
// It is never ahead of now, and it is now when the log is empty.
func (p *pruner) start(now time.Time) (time.Time, error) {
	var stored string
	err := p.call(func(ctx context.Context) (err error) {
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

// newest is the time of the newest batch of the log, as far as checkpoints tell, and 0 when there is none.
func (p *pruner) newest() (newest int64, err error) {
	for room := ""; ; {
		if room, err = p.nextRoom(room); err != nil || room == "" {
			return newest, err
		}
		err := p.call(func(ctx context.Context) error {
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

// round goes once through all rooms of the log.
func (p *pruner) round() error {
	if err := p.tick(); err != nil {
		return err
	}
	for room := ""; ; {
		var err error
		if room, err = p.nextRoom(room); err != nil || room == "" {
			return err
		}
		through := int64(0)
		for more := true; more; {
			began, after := time.Now(), through
			if through, more, err = p.step(room, after); err != nil {
				return err
			}
			pause := time.Since(began) // so that the pruner takes no more than half of the database's time
			if through > after {
				pause = max(pause, min(prunePause, p.cfg.PruneInterval))
			}
			if !p.pause(pause) {
				return nil
			}
		}
	}
}

// step prunes a little of one room, whose log is known to begin after a serverSeq. It returns where the log now begins,
// and reports whether there may be more to prune.
func (p *pruner) step(room string, after int64) (through int64, more bool, err error) {
	var checkpoint Checkpoint
	var oldest []Entry
	err = p.call(func(ctx context.Context) (err error) {
		if checkpoint, err = p.hub.store().Checkpoint(ctx, room); err != nil {
			return err
		}
		oldest, err = p.hub.store().Oldest(ctx, room, after, Bounds{Rows: p.rows, Bytes: pruneBytes})
		return err
	})
	if err != nil {
		return after, false, err
	}
	n := 0
	for n < len(oldest) && p.cfg.Retention.expired(oldest[n], checkpoint.ServerSeq, p.clock.now) {
		n++
	}
	if n == 0 {
		return after, false, nil
	}
	after, through = oldest[0].ServerSeq-1, oldest[n-1].ServerSeq
	began := time.Now()
	err = p.call(func(ctx context.Context) error { return p.hub.store().Prune(ctx, room, after, through) })
	p.adapt(time.Since(began))
	return through, n == len(oldest), err
}

// adapt fits the size of a step to what the database manages.
func (p *pruner) adapt(took time.Duration) {
	switch {
	case took > slowStep:
		p.rows = max(p.rows/2, leastPruneRows)
	case took < slowStep/4:
		p.rows = min(p.rows*2, mostPruneRows)
	}
}

func (p *pruner) nextRoom(after string) (room string, err error) {
	err = p.call(func(ctx context.Context) (err error) {
		room, err = p.hub.store().NextRoom(ctx, after)
		return err
	})
	return room, err
}

// call runs one use of the store within its limit.
func (p *pruner) call(use func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(p.life, p.cfg.StoreTimeout)
	defer cancel()
	return use(ctx)
}

// pause reports whether the pruner goes on after d.
func (p *pruner) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-p.life.Done():
		return false
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
