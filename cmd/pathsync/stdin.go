package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
)

// interruptible is a reader whose reads end with ctx, also while the reader below waits for a terminal or a pipe. That read then
// ends with the process.
type interruptible struct {
	ctx    context.Context //nolint:containedctx // of the command
	reader io.Reader
	buf    []byte
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

// input returns standard input, without a byte order mark, which editors and shells of Windows write. Its reads end with ctx.
func (p *program) input(ctx context.Context) io.Reader { return readText(ctx, p.stdin) }

// open returns a file as input does, or standard input for -.
func (p *program) open(ctx context.Context, name string) (in io.Reader, done func(), err error) {
	if name == "-" {
		return p.input(ctx), func() {}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, usageError{err}
	}
	return readText(ctx, file), func() { file.Close() }, nil
}

var errUTF16 = errors.New("the text is UTF-16: convert it to UTF-8")

// withoutMark removes a byte order mark at the beginning, when it is first read.
type withoutMark struct {
	from  *bufio.Reader
	begun bool
}

func readText(ctx context.Context, from io.Reader) io.Reader {
	return &withoutMark{from: bufio.NewReader(&interruptible{ctx: ctx, reader: from, buf: make([]byte, 32<<10)})}
}

func (r *withoutMark) Read(dst []byte) (int, error) {
	if !r.begun {
		r.begun = true
		begin, _ := r.from.Peek(len(byteOrderMark)) // an error comes again below
		switch {
		case bytes.Equal(begin, []byte(byteOrderMark)):
			_, _ = r.from.Discard(len(byteOrderMark)) // they are in the buffer
		case bytes.HasPrefix(begin, []byte("\xff\xfe")), bytes.HasPrefix(begin, []byte("\xfe\xff")):
			return 0, errUTF16
		}
	}
	return r.from.Read(dst)
}

// altered reports whether decoding has replaced a part of the names that a JSON text has: bytes that are not UTF-8, or half of a
// surrogate pair.
func altered(text []byte, names ...string) bool {
	const replacement = "\ufffd"
	has := func(name string) bool { return strings.Contains(name, replacement) }
	return slices.ContainsFunc(names, has) && !bytes.Contains(text, []byte(replacement))
}
