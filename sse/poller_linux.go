package sse

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller watches the connections of streams, instead of a goroutine for each that reads. It is an epoll instance whose
// descriptor is itself in the runtime's poller, so waiting needs no thread.
//
// The descriptor of a connection is used only in callbacks of syscall.RawConn, where it cannot be closed or reused. An event
// that arrives after a descriptor was reused makes the poller read from the new connection, which is harmless.
type poller struct {
	file *os.File
	raw  syscall.RawConn // of file
	done chan struct{}   // closed when run has returned

	mu    sync.Mutex
	conns map[int32]*polledConn // by descriptor; nil after close
}

// newPoller returns a running poller. End it with close.
func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("creating an epoll instance: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // makes os.NewFile use the runtime's poller
		_ = unix.Close(fd)
		return nil, fmt.Errorf("making an epoll instance non-blocking: %w", err)
	}
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err == nil {
		err = file.SetReadDeadline(time.Time{}) // fails if the runtime's poller does not accept the descriptor
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("waiting for an epoll instance: %w", err)
	}
	p := &poller{file: file, raw: raw, done: make(chan struct{}), conns: map[int32]*polledConn{}}
	go p.run()
	return p, nil
}

// close ends the poller and waits for it.
func (p *poller) close() {
	p.mu.Lock()
	p.conns = nil
	p.mu.Unlock()
	_ = p.file.Close()
	<-p.done
}

// watch watches the connection of a stream until forget. When the reader is gone or has sent too much, it ends the stream with
// the cause and closes the connection.
func (p *poller) watch(s *Stream, c net.Conn) (*polledConn, error) {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	polled := &polledConn{Conn: c, raw: raw, poller: p, stream: s}
	var added error
	if err := raw.Control(func(fd uintptr) { added = p.add(int32(fd), polled) }); err != nil {
		return nil, err
	}
	return polled, added
}

func (p *poller) add(fd int32, c *polledConn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		return os.ErrClosed
	}
	c.fd = fd
	p.conns[fd] = c
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: fd}
	var err error
	if e := p.raw.Control(func(epoll uintptr) { err = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_ADD, int(fd), &event) }); e != nil {
		err = e
	}
	if err != nil {
		delete(p.conns, fd)
	}
	return err
}

// forget stops watching. Closing the connection removes it from the epoll instance.
func (p *poller) forget(c *polledConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns[c.fd] == c { // after an abort, another connection may have the descriptor
		delete(p.conns, c.fd)
	}
}

func (p *poller) run() {
	defer close(p.done)
	var r rawReader
	r.init()
	var events [64]unix.EpollEvent
	for {
		n := 0
		err := p.raw.Read(func(epoll uintptr) bool {
			n, _ = unix.EpollWait(int(epoll), events[:], 0)
			return n > 0
		})
		if err != nil { // closed
			return
		}
		for _, e := range events[:n] {
			p.mu.Lock()
			c := p.conns[e.Fd]
			p.mu.Unlock()
			if c == nil {
				continue
			}
			if cause := c.discard(&r); cause != nil {
				c.stream.finish(cause, nil)
				c.abort()
			}
		}
	}
}

// polledConn is a connection that a poller watches.
type polledConn struct {
	net.Conn
	raw      syscall.RawConn
	poller   *poller
	stream   *Stream
	fd       int32 // a key, not to be used for system calls
	received int32 // bytes after the request; only the poller uses it
}

func (c *polledConn) watch(func(error)) {} // the poller does

func (c *polledConn) end() {
	c.poller.forget(c)
	_ = c.Close()
}

func (c *polledConn) abort() { _ = c.Close() }

// discard reads what the reader has sent. The error is the cause of the stream's end.
func (c *polledConn) discard(r *rawReader) error {
	for {
		n, err := r.read(c.raw)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return nil
		case errors.Is(err, syscall.EINTR):
			continue
		case err == nil && n == 0:
			err = io.EOF
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrGone, err)
		}
		if c.received += int32(n); c.received > maxReceived {
			return ErrUnexpectedData
		}
	}
}

// rawReader reads from connections without blocking and without an allocation.
type rawReader struct {
	attempt func(fd uintptr) bool
	buf     [512]byte
	n       int
	err     error
}

func (r *rawReader) init() {
	r.attempt = func(fd uintptr) bool {
		r.n, r.err = syscall.Read(int(fd), r.buf[:])
		return true
	}
}

func (r *rawReader) read(c syscall.RawConn) (int, error) {
	if err := c.Read(r.attempt); err != nil {
		return 0, err
	}
	return r.n, r.err
}

// rawWriter writes to connections without blocking and without an allocation.
type rawWriter struct {
	attempt func(fd uintptr) bool
	p       []byte
	n       int
}

func (w *rawWriter) init() {
	w.attempt = func(fd uintptr) bool {
		w.n, _ = syscall.Write(int(fd), w.p)
		return true
	}
}

// write returns how many bytes the connection accepted. After an error there are fewer than p has, and the next blocking
// write has the error.
func (w *rawWriter) write(c *polledConn, p []byte) int {
	w.p, w.n = p, 0
	_ = c.raw.Write(w.attempt)
	w.p = nil
	return max(w.n, 0)
}
