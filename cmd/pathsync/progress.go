package main

import (
	"fmt"
	"sync"
	"time"
)

// progress is a line on the terminal that shows how far a command is. It is shown on stderr if that is a terminal that can
// replace a line, and otherwise nowhere. Its methods are safe for concurrent use.
type progress struct {
	out *console

	mu    sync.Mutex
	shown time.Time // when the line last changed
	lines bool      // the line is not empty
}

const progressInterval = 100 * time.Millisecond

func (p *program) progress() *progress { return &progress{out: p.stderr} }

// show replaces the line, unless it has just changed.
func (l *progress) show(format string, args ...any) {
	if !l.out.redraws {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.shown) < progressInterval {
		return
	}
	l.shown, l.lines = now, true
	text := []rune(escape(fmt.Sprintf(format, args...)))
	_, _ = fmt.Fprintf(l.out.Writer, "\r\x1b[K%s", string(text[:min(len(text), 79)])) // a longer line would wrap and stay
}

// clear removes the line.
func (l *progress) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines {
		_, _ = fmt.Fprint(l.out.Writer, "\r\x1b[K")
		l.lines = false
	}
}

// watch shows a text twice a second, until the function that it returns is called.
func (l *progress) watch(text func(elapsed time.Duration) string) (stop func()) {
	began, ended, done := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(time.Second / 2)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				l.show("%s", text(time.Since(began)))
			case <-ended:
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-done
		l.clear()
	}
}
