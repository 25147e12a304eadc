package httpapi

import (
	"container/list"
	"context"
	"sync"

	"github.com/pathsync/pathsync/core"
)

// logPages reads the logs of rooms for readers who are behind what the feeds keep. A page is read and framed once for all
// who need it at the same time, and kept while there is room for it. Its methods may be called from any goroutine.
type logPages struct {
	life  context.Context // ends the reads
	reads chan struct{}   // holds a token for each read of the database that is under way

	mu    sync.Mutex
	pages map[logPageKey]*list.Element // of *logPage
	byUse *list.List                   // most recently used first
	bytes int                          // of all pages

	dropped func([]byte)
}

// logPageKey is the room as it is open, and the serverSeq that the page follows on.
type logPageKey struct {
	feed  *roomFeed
	after int64
}

// logPage is some batches that follow on each other, as frames.
type logPage struct {
	key    logPageKey
	ready  chan struct{} // closed when the rest is there
	err    error
	frames []byte
	first  int64 // serverSeq of the first batch
	ends   []int // of each batch in frames
	kept   int   // bytes that are counted; 0 while it is being read. Guarded by logPages.mu
}

const (
	// A page ends with the batch that reaches one of these, and so does what a reader holds that does not read.
	logPageBatches = 200
	logPageBytes   = 48 << 10

	logPagesBytes = 16 << 20 // of all pages that are kept
	logReads      = 8        // at a time
)

func newLogPages(life context.Context, dropped func([]byte)) *logPages {
	return &logPages{
		life: life, reads: make(chan struct{}, logReads), dropped: dropped,
		pages: map[logPageKey]*list.Element{}, byUse: list.New(),
	}
}

// between returns the frames of batches that follow on a serverSeq, up to another at most and as many as a page has, and the
// serverSeq of the last. It fails with PositionGone when the log does not have the first of them.
//
// Pages begin where serverSeq is a multiple of their size, so that readers share them wherever they begin; a page that is
// cut short by its bytes is followed by one that begins where it ends.
func (l *logPages) between(ctx context.Context, room *core.Room, after, through int64) (frames []byte, last int64, err error) {
	feed := feedOf(room)
	for _, start := range [...]int64{after - after%logPageBatches, after} {
		page, err := l.page(ctx, room, logPageKey{feed, start})
		if err != nil {
			return nil, 0, err
		}
		if frames, last, ok := page.between(after, through); ok {
			return frames, last, nil
		}
	}
	return nil, 0, problem(PositionGone, "the log does not reach back that far")
}

// between returns the batches after a serverSeq and up to another; ok is false when the page has not got the first of them.
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

// page returns a page: the one that is kept, the one that another request is reading, or one that it reads itself.
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

// read fills a page. Others may wait for it, so it does not end with the request that does it.
func (l *logPages) read(room *core.Room, e *list.Element) (*logPage, error) {
	p := e.Value.(*logPage)
	p.err = l.load(room, p)
	close(p.ready)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.pages[p.key] != e: // its room has been closed meanwhile
	case p.err != nil || len(p.ends) == 0:
		l.remove(e) // the next request reads again
	default:
		p.kept = cap(p.frames) + 8*cap(p.ends)
		l.bytes += p.kept
		for l.bytes > logPagesBytes && l.byUse.Back() != e {
			l.remove(l.byUse.Back())
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
	told := p.key.feed.LastSeq() // the log can be ahead of the feed for a moment
	batches, err := room.Log(l.life, p.key.after, core.Page{Batches: logPageBatches, Bytes: logPageBytes})
	if err != nil {
		return err
	}
	var text, id []byte
	for _, b := range batches {
		if b.ServerSeq > told || p.first+int64(len(p.ends)) != b.ServerSeq && p.first != 0 {
			break
		}
		if p.first == 0 {
			p.first = b.ServerSeq
		}
		text = appendDelta(text[:0], b)
		id = p.key.feed.eventID(b.ServerSeq).append(id[:0])
		p.frames = appendFrame(p.frames, string(id), "delta", text)
		p.ends = append(p.ends, len(p.frames))
	}
	return nil
}

// remove lets go of a page. The lock is held.
func (l *logPages) remove(e *list.Element) {
	p := l.byUse.Remove(e).(*logPage)
	delete(l.pages, p.key)
	if p.kept > 0 {
		l.bytes -= p.kept
		l.dropped(p.frames)
	}
}

// forget lets go of the pages of a room that is closed.
func (l *logPages) forget(feed *roomFeed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.byUse.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*logPage).key.feed == feed {
			l.remove(e)
		}
		e = next
	}
}

// memory is how many bytes all pages take.
func (l *logPages) memory() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}
