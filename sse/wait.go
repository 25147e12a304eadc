package sse

import "context"

// Wait returns nil once the feed has an event with a seq above after: at once, or when it is appended and Wake is
// called. It returns ErrClosed when the feed is closed first, and the context's error when that is done first.
func (f *Feed) Wait(ctx context.Context, after int64) error {
	for {
		news, err := f.newsAfter(after)
		if news == nil || err != nil {
			return err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// newsAfter returns the channel that the next Wake closes; nil when there is no need to wait for it.
func (f *Feed) newsAfter(seq int64) (<-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.lastSeq > seq:
		return nil, nil
	case f.closed:
		return nil, ErrClosed
	case f.news == nil:
		f.news = make(chan struct{})
	}
	return f.news, nil
}
