package core

import (
	"context"
	"time"
)

// Retention says what of a room's change log is kept. The zero value keeps everything, as an audit trail. A batch goes
// when either limit says so, but never before the document rows hold what it did. Readers whose position is gone start
// again with the whole state. A batch that is sent again after its rows are gone is not recognised.
type Retention struct {
	Age   time.Duration // batches older than this go
	Count int64         // batches before the last Count of a room go
}

func (r Retention) keepsAll() bool { return r.Age <= 0 && r.Count <= 0 }

// expired reports whether a batch may go, in a room whose documents stand at checkpoint.
func (r Retention) expired(b *Batch, checkpoint int64, now time.Time) bool {
	old := r.Age > 0 && b.ServerTs < now.Add(-r.Age).UnixMilli()
	surplus := r.Count > 0 && b.ServerSeq <= checkpoint-r.Count
	return b.ServerSeq < checkpoint && (old || surplus)
}

// pruner shortens the log behind the document rows: one goroutine, in small steps with pauses, so that nobody who
// writes has to wait for long. What it does not get done it does later.
type pruner struct {
	worker
	cfg *Config
}

const (
	pruneInterval = time.Minute           // between rounds over all rooms
	prunePause    = 50 * time.Millisecond // between steps
)

// pruneStep bounds what goes in one transaction.
var pruneStep = Page{Batches: 500, Bytes: 1 << 20}

func newPruner(cfg *Config) *pruner {
	return &pruner{worker: newWorker(), cfg: cfg}
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
	for p.pause(pruneInterval) {
		if err := p.round(); err != nil && p.life.Err() == nil {
			p.cfg.Log.Warn("the log could not be shortened; it will be tried again", "error", err)
		}
	}
}

// round goes once through all rooms of the log.
func (p *pruner) round() error {
	for room := ""; ; {
		var err error
		if room, err = p.nextRoom(room); err != nil || room == "" {
			return err
		}
		for more := true; more; {
			if more, err = p.step(room); err != nil {
				return err
			}
			if !p.pause(prunePause) {
				return nil
			}
		}
	}
}

// step prunes a little of one room, and reports whether there may be more.
func (p *pruner) step(room string) (more bool, err error) {
	ctx, cancel := context.WithTimeout(p.life, p.cfg.StoreTimeout)
	defer cancel()
	checkpoint, err := p.cfg.Store.Checkpoint(ctx, room)
	if err != nil {
		return false, err
	}
	oldest, err := p.cfg.Store.Log(ctx, room, 0, pruneStep)
	if err != nil {
		return false, err
	}
	n, now := 0, time.Now()
	for n < len(oldest) && p.cfg.Retention.expired(oldest[n], checkpoint, now) {
		n++
	}
	if n == 0 {
		return false, nil
	}
	return n == len(oldest), p.cfg.Store.Prune(ctx, room, oldest[n-1].ServerSeq)
}

func (p *pruner) nextRoom(after string) (string, error) {
	ctx, cancel := context.WithTimeout(p.life, p.cfg.StoreTimeout)
	defer cancel()
	return p.cfg.Store.NextRoom(ctx, after)
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
