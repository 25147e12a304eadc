package program

import (
	"bytes"
	"sync"
)

// Record collects the output of a program and wakes the goroutines that wait for it.
type Record struct {
	mu   sync.Mutex
	said bytes.Buffer
	more chan struct{} // closed by the next Write
}

func newRecord() *Record { return &Record{more: make(chan struct{})} }

// Write implements io.Writer.
func (r *Record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.more)
	r.more = make(chan struct{})
	return r.said.Write(p)
}

// String returns the output so far.
func (r *Record) String() string {
	text, _ := r.read()
	return text
}

func (r *Record) read() (text string, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said.String(), r.more
}
