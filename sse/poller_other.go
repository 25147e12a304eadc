//go:build !linux

package sse

import (
	"errors"
	"net"
)

// poller exists on Linux only. On other systems a goroutine of each stream reads from its connection.
type poller struct{}

func newPoller() (*poller, error) { return nil, errors.ErrUnsupported }

func (*poller) close() {}

func (*poller) watch(*Stream, net.Conn) (*polledConn, error) { return nil, errors.ErrUnsupported }

// polledConn does not exist on this system.
type polledConn struct{ hijackedConn }

type rawWriter struct{}

func (*rawWriter) init() {}

func (*rawWriter) write(*polledConn, []byte) int { return 0 }
