package pace

import (
	"crypto/tls"
	"net"
)

// maxUnsent is how many bytes of what is written the system holds back before it sends them. It takes more in steps of
// half of that, which are what a writer sees of the peer's pace. Without the limit the steps can be of a megabyte.
const maxUnsent = 16 << 10

// LimitUnsent bounds what the system holds back of what is written to a connection, where it has a limit for that.
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
