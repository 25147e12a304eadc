package main

import (
	"context"
	"io"
)

// interruptible is a reader whose reads end with ctx, also while the reader below waits for a terminal. That read then ends
// with the process.
type interruptible struct {
	ctx    context.Context //nolint:containedctx // of the command
	reader io.Reader
	buf    []byte
}

func (p *program) input(ctx context.Context) io.Reader {
	return &interruptible{ctx: ctx, reader: p.stdin, buf: make([]byte, 32<<10)}
}

func (r *interruptible) Read(dst []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	buf := r.buf[:min(len(r.buf), len(dst))]
	go func() {
		n, err := r.reader.Read(buf)
		done <- result{n, err}
	}()
	select {
	case got := <-done:
		return copy(dst, buf[:got.n]), got.err
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	}
}
