package pace

import "syscall"

const tcpNotSentLowat = 25 // TCP_NOTSENT_LOWAT, see tcp(7)

// setMaxUnsent does without the limit where the system refuses it: then only slow readers behind large buffers are taken
// for stalled ones.
func setMaxUnsent(fd uintptr, bytes int) {
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowat, bytes)
}
