package pace

import "syscall"

const tcpNotSentLowat = 25 // TCP_NOTSENT_LOWAT, see tcp(7)

// setMaxUnsent ignores errors. Without the limit, a slow reader behind a large buffer may be cut as a stalled one.
func setMaxUnsent(fd uintptr, bytes int) {
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowat, bytes)
}
