//go:build !linux

package sse

import (
	"errors"
	"net"
	"time"
)

// poller exists on Linux only. On other systems a goroutine of each stream reads from its connection.
type poller struct{}

func newPoller() (*poller, error) { return nil, errors.ErrUnsupported }

func (*poller) close() {}

func (*poller) adopt(*Stream, net.Conn) error { return errors.ErrUnsupported }

// socket does not exist on this system.
type socket struct{ poller *poller }

func (*socket) write([]byte, time.Time) (int, error) { return 0, errors.ErrUnsupported }
func (*socket) tryWrite([]byte) int                  { return 0 }
func (*socket) watch(func(error))                    {}
func (*socket) end()                                 {}
func (*socket) abort()                               {}
