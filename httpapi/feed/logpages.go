package feed

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/wire"
)

// logPages reads the logs of rooms for readers that are behind the feeds. A page is read and framed once for all readers
// that need it at the same time, and cached. It is safe for concurrent use.
type logPages struct {
	life  context.Context // cancels reads
	reads chan struct{}   // a semaphore for reads of the database
	loads atomic.Int64    // reads of the database so far

	mu    sync.Mutex
	pages map[logPageKey]*list.Element // of *logPage
	byUse *list.List                   // the most recently used first
	bytes int                          // of all pages

	dropped func([]byte)
}

// logPageKey is an open room, and the serverSeq before the first batch of the page.
type logPageKey struct {
	feed  *Room
	after int64
}

// logPage is consecutive batches, framed.
type logPage struct {
	key    logPageKey
	ready  chan struct{} // closed when the page is read; guards the fields below
	err    error
	frames []byte
	first  int64 // serverSeq of the first batch
	ends   []int // offsets in frames, of the end of each batch
	kept   int   // counted bytes; 0 while the page is being read. Guarded by logPages.mu
}

const (
	// A page ends with the batch that reaches one of these limits. They also bound what a stalled reader holds.
	logPageBatches = 200
	logPageBytes   = 48 << 10

	logPagesBytes = 16 << 20 // of all cached pages
	logReads      = 8        // at a time
)

func newLogPages(life context.Context, dropped func([]byte)) *logPages {
	return &logPages{
		life: life, reads: make(chan struct{}, logReads), dropped: dropped,
		pages: map[logPageKey]*list.Element{}, byUse: list.New(),
	}
}

// between returns frames of batches after one serverSeq, at most up to another and as many as a page has, and the serverSeq
// of the last. It fails with problem.PositionGone when the log does not have the first batch.
//
// Pages begin where serverSeq is a multiple of logPageBatches, so that readers share them wherever they begin. A page that
// ends early because of its size is followed by one that begins where it ends.
func (l *logPages) between(ctx context.Context, room *core.Room, after, through int64) (frames []byte, last int64, err error) {
	feed := Of(room)
	for _, start := range [...]int64{after - after%logPageBatches, after} {
		page, err := l.page(ctx, room, logPageKey{feed, start})
		if err != nil {
			return nil, 0, err
		}
		if frames, last, ok := page.between(after, through); ok {
			return frames, last, nil
		}
	}
	return nil, 0, problem.New(problem.PositionGone, "the log does not reach back that far")
}

// between returns the batches after one serverSeq up to another. ok is false when the page does not have the first one.
func (p *logPage) between(after, through int64) (frames []byte, last int64, ok bool) {
	first, end := int(after+1-p.first), int(min(through-p.first+1, int64(len(p.ends))))
	if first < 0 || first >= end {
		return nil, 0, false
	}
	start := 0
	if first > 0 {
		start = p.ends[first-1]
	}
	return p.frames[start:p.ends[end-1]:p.ends[end-1]], p.first + int64(end) - 1, true
}

// page returns a page: a cached one, one that another request is reading, or one that it reads itself.
func (l *logPages) page(ctx context.Context, room *core.Room, key logPageKey) (*logPage, error) {
	l.mu.Lock()
	e := l.pages[key]
	if e == nil {
		e = l.byUse.PushFront(&logPage{key: key, ready: make(chan struct{})})
		l.pages[key] = e
		l.mu.Unlock()
		return l.read(room, e)
	}
	l.byUse.MoveToFront(e)
	l.mu.Unlock()
	p := e.Value.(*logPage)
	select {
	case <-p.ready:
		return p, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// read fills a page. Other requests may wait for it, so it does not end with the request that reads it.
func (l *logPages) read(room *core.Room, e *list.Element) (*logPage, error) {
	p := e.Value.(*logPage)
	p.err = l.load(room, p)
	close(p.ready)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.pages[p.key] != e: // the room was closed in the meantime
	case p.err != nil || len(p.ends) == 0:
		l.removeLocked(e) // the next request reads again
	default:
		p.kept = cap(p.frames) + 8*cap(p.ends)
		l.bytes += p.kept
		for l.bytes > logPagesBytes && l.byUse.Back() != e {
			l.removeLocked(l.byUse.Back())
		}
	}
	return p, p.err
}

func (l *logPages) load(room *core.Room, p *logPage) error {
	select {
	case l.reads <- struct{}{}:
		defer func() { <-l.reads }()
	case <-l.life.Done():
		return core.ErrClosing
	}
	l.loads.Add(1)
	through := p.key.feed.LastSeq() // the log can be ahead of the feed for a moment
	batches, err := room.Log(l.life, p.key.after, core.Page{Batches: logPageBatches, Bytes: logPageBytes})
	if err != nil {
		return err
	}
	var text, id []byte
	for _, b := range batches {
		if b.ServerSeq > through || p.first+int64(len(p.ends)) != b.ServerSeq && p.first != 0 {
			break
		}
		if p.first == 0 {
			p.first = b.ServerSeq
		}
		text = wire.AppendDelta(text[:0], b)
		id = p.key.feed.eventID(b.ServerSeq).Append(id[:0])
		p.frames = appendFrame(p.frames, string(id), "delta", text)
		p.ends = append(p.ends, len(p.frames))
	}
	return nil
}

func (l *logPages) removeLocked(e *list.Element) {
	p := l.byUse.Remove(e).(*logPage)
	delete(l.pages, p.key)
	if p.kept > 0 {
		l.bytes -= p.kept
		l.dropped(p.frames)
	}
}

// forget discards the pages of a room that is closed.
func (l *logPages) forget(feed *Room) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.byUse.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*logPage).key.feed == feed {
			l.removeLocked(e)
		}
		e = next
	}
}

// memory returns the memory of all pages in bytes.
func (l *logPages) memory() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}
