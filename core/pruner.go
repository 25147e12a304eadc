package core

import (
	"context"
	"time"
)

// pruner is the goroutine that deletes old batches from the log, behind the checkpoints. It works in small steps with pauses,
// so that it delays writers only briefly.
type pruner struct {
	worker
	hub *Hub
	cfg *Config

	clock  retentionClock
	read   time.Time // when clock was last advanced; zero: it has not started
	warned bool      // the warning about the wall clock was logged
	rows   int       // limit of the next step
}

const (
	// prunePause is the pause after a step that has deleted batches, unless the step took longer or the interval is shorter.
	prunePause = 50 * time.Millisecond

	// A step deletes at most pruner.rows operations, or one larger batch. The limit is halved after a step longer than
	// slowStep, and doubled after one shorter than a quarter of it. It stays below the number of locks at which SQL Server
	// escalates to a table lock.
	mostPruneRows  = 500
	leastPruneRows = 50
	pruneBytes     = 1 << 20
	slowStep       = 50 * time.Millisecond
)

func newPruner(h *Hub) *pruner {
	return &pruner{worker: newWorker(), hub: h, cfg: &h.cfg, rows: mostPruneRows}
}

func (p *pruner) close() {
	p.cancel()
	<-p.done
}

func (p *pruner) run() {
	defer close(p.done)
	if p.cfg.Retention.keepsAll() {
		return
	}
	p.attempt("the retention clock could not be read", p.advanceClock)
	for p.pause(p.cfg.PruneInterval) {
		p.attempt("the log could not be pruned; retrying", p.round)
	}
}

func (p *pruner) attempt(failure string, do func() error) {
	if err := do(); err != nil && p.ctx.Err() == nil {
		p.cfg.Log.Warn(failure, "error", err)
	}
}

// prunerRoom is a name that no room has. The server that would commit it prunes the log.
const prunerRoom = ""

// round prunes all rooms of the log once. With several servers, one of them does so.
func (p *pruner) round() error {
	if p.hub.cluster.owner(prunerRoom) != "" {
		return nil
	}
	if err := p.advanceClock(); err != nil {
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
			pause := time.Since(began) // so that pruning takes at most half of the database's time
			if through > after {
				pause = max(pause, min(prunePause, p.cfg.PruneInterval))
			}
			if !p.pause(pause) {
				return nil
			}
		}
	}
}

// step prunes a part of a room whose log begins after a serverSeq. It returns the serverSeq after which the log now begins,
// and whether there may be more to prune.
func (p *pruner) step(room string, after int64) (through int64, more bool, err error) {
	var checkpoint Checkpoint
	var oldest []Entry
	err = p.call(p.cfg.StoreTimeout, func(ctx context.Context) (err error) {
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
	err = p.call(p.cfg.StoreTimeout, func(ctx context.Context) error { return p.hub.store().Prune(ctx, room, after, through) })
	p.adapt(time.Since(began))
	return through, n == len(oldest), err
}

// adapt adapts the size of a step to its duration.
func (p *pruner) adapt(took time.Duration) {
	switch {
	case took > slowStep:
		p.rows = max(p.rows/2, leastPruneRows)
	case took < slowStep/4:
		p.rows = min(p.rows*2, mostPruneRows)
	}
}

func (p *pruner) nextRoom(after string) (room string, err error) {
	err = p.call(p.cfg.StoreTimeout, func(ctx context.Context) (err error) {
		room, err = p.hub.store().NextRoom(ctx, after)
		return err
	})
	return room, err
}

// pause waits for d. It returns false when the pruner has to end.
func (p *pruner) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-p.ctx.Done():
		return false
	}
}
