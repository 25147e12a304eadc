package pace

import (
	"crypto/tls"
	"net"
)

// maxUnsent limits the bytes that the system accepts from a writer and has not sent. The system accepts more in steps of half
// of it, so a writer notices the peer's rate in such steps. Without the limit a step can be a megabyte.
const maxUnsent = 16 << 10

// LimitUnsent limits the unsent bytes in the system's buffer of a connection, if the system can do that.
func LimitUnsent(c net.Conn) {
	if encrypted, ok := c.(*tls.Conn); ok {
		c = encrypted.NetConn()
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { setMaxUnsent(fd, maxUnsent) })
}
