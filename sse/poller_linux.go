package sse

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller watches the sockets of streams, instead of a goroutine for each that reads. It is an epoll instance whose descriptor
// is itself in the runtime's poller, so waiting needs no thread.
//
// An event may arrive after its socket was closed and another one has got the descriptor. The poller then looks at that one,
// which is harmless.
type poller struct {
	file  *os.File
	raw   syscall.RawConn // of file
	epoll int             // descriptor of file; used under mu until closed, and within raw
	done  chan struct{}   // closed when run has returned

	mu      sync.Mutex
	closed  bool
	streams []*Stream               // by the descriptors of their sockets
	count   int                     // of streams
	blocked map[int32]chan struct{} // by descriptor: receives a value when the socket accepts bytes or is broken
	buf     [512]byte               // of discard
}

// Every socket is watched for data and for its end. A socket with a blocked write is also watched for space, from then on.
const (
	watchInput = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET
	watchSpace = watchInput | unix.EPOLLOUT
)

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
	p := &poller{file: file, raw: raw, epoll: fd, done: make(chan struct{}), blocked: map[int32]chan struct{}{}}
	go p.run()
	return p, nil
}

// close ends the poller and waits for it.
func (p *poller) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.file.Close()
	<-p.done
}

// adopt moves a connection to the socket of a stream and closes c. When the reader is gone or has sent too much, the poller
// ends the stream with the cause and aborts the socket. After an error, c is unchanged.
func (p *poller) adopt(s *Stream, c net.Conn) error {
	conn, ok := c.(syscall.Conn)
	if !ok {
		return errors.ErrUnsupported
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	fd := -1
	if e := raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("duplicating the descriptor of a connection: %w", err)
	}
	s.socket = socket{poller: p, fd: int32(fd)}
	if err := p.add(s); err != nil {
		s.socket = socket{}
		_ = unix.Close(fd)
		return err
	}
	_ = c.Close() // the socket remains open
	return nil
}

func (p *poller) add(s *Stream) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return os.ErrClosed
	}
	if err := p.control(unix.EPOLL_CTL_ADD, s.socket.fd, watchInput); err != nil {
		return err
	}
	at := int(s.socket.fd)
	if at >= len(p.streams) {
		p.streams = slices.Grow(p.streams, at+1-len(p.streams))[:at+1]
	}
	p.streams[at] = s
	p.count++
	return nil
}

// control calls epoll_ctl. The caller has the lock.
func (p *poller) control(op int, fd int32, events uint32) error {
	err := unix.EpollCtl(p.epoll, op, int(fd), &unix.EpollEvent{Events: events, Fd: fd})
	if err != nil {
		return fmt.Errorf("watching a connection: %w", err)
	}
	return nil
}

// forget stops watching a socket. Closing it removes it from the epoll instance.
func (p *poller) forget(c *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams[c.fd] = nil
	if p.count--; p.count == 0 {
		p.streams = nil // frees the memory after a crowd
	}
}

// has reports whether the poller watches a socket. The caller has the lock, and may use the descriptor until it releases it.
func (p *poller) has(c *socket) bool {
	at := int(c.fd)
	return at < len(p.streams) && p.streams[at] != nil && &p.streams[at].socket == c
}

// abort makes all operations on a socket fail, if it is still open.
func (p *poller) abort(c *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.has(c) {
		_ = unix.Shutdown(int(c.fd), unix.SHUT_RDWR) // fails if the connection is broken already
	}
}

// awaitSpace blocks until a socket accepts bytes or is broken, and returns nil. After the deadline it returns
// os.ErrDeadlineExceeded. Only the stream's owner calls it.
func (p *poller) awaitSpace(c *socket, deadline time.Time) error {
	ready := make(chan struct{}, 1)
	if err := p.block(c.fd, ready); err != nil {
		return err
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-ready:
		return nil
	case <-timer.C:
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.blocked, c.fd)
		return os.ErrDeadlineExceeded
	}
}

// block sends a value to ready when a socket accepts bytes or is broken, at once if that is so already.
func (p *poller) block(fd int32, ready chan struct{}) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocked[fd] = ready
	err := p.control(unix.EPOLL_CTL_MOD, fd, watchSpace)
	if err != nil {
		delete(p.blocked, fd)
	}
	return err
}

func (p *poller) run() {
	defer close(p.done)
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
			if s, cause := p.handle(e); cause != nil {
				s.finish(cause, nil)
				p.abort(&s.socket)
			}
		}
	}
}

// handle wakes a blocked write and discards what the reader has sent. It returns the cause of the stream's end.
func (p *poller) handle(e unix.EpollEvent) (*Stream, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ready := p.blocked[e.Fd]; ready != nil && e.Events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		delete(p.blocked, e.Fd)
		ready <- struct{}{} // it has space for one
	}
	at := int(e.Fd)
	if at >= len(p.streams) || p.streams[at] == nil || e.Events&^unix.EPOLLOUT == 0 {
		return nil, nil
	}
	s := p.streams[at]
	return s, s.socket.discard(p.buf[:])
}

// socket is a TCP or Unix connection that a poller watches. The descriptor belongs to the stream. As a net.Conn, a connection
// needs 0.9 KiB more: for net's structures and addresses, and for the timers of Go's poller.
//
// Only the stream's owner writes to the socket and closes it. Everything else uses the descriptor under the poller's lock,
// while the poller has the socket.
type socket struct {
	poller   *poller // nil: the stream has another kind of connection
	fd       int32
	received int32 // bytes after the request; only the poller uses it
}

func (c *socket) watch(func(error)) {} // the poller does

func (c *socket) end() {
	c.poller.forget(c)
	_ = unix.Close(int(c.fd))
}

func (c *socket) abort() { c.poller.abort(c) }

// write waits while the socket accepts nothing.
func (c *socket) write(p []byte, deadline time.Time) (n int, err error) {
	for n < len(p) {
		m, err := c.send(p[n:])
		switch {
		case err == nil:
			n += m
		case errors.Is(err, unix.EAGAIN):
			if err := c.poller.awaitSpace(c, deadline); err != nil {
				return n, err
			}
		case !errors.Is(err, unix.EINTR):
			return n, os.NewSyscallError("sendto", err)
		}
	}
	return n, nil
}

// tryWrite returns how many bytes the socket accepts at once. After an error there are fewer than p has, and the next write
// has the error.
func (c *socket) tryWrite(p []byte) int {
	n, _ := c.send(p)
	return n
}

// send sends what the socket accepts at once. Of the time of a delivery, sendto takes 6 % less than write; package unix has no
// function for it that returns the number of bytes.
func (c *socket) send(p []byte) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(c.fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// discard reads what the reader has sent. The error is the cause of the stream's end.
func (c *socket) discard(buf []byte) error {
	for {
		n, err := unix.Read(int(c.fd), buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
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
