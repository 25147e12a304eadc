package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
)

// inheritedFd is the first file descriptor that a process is handed besides the three that every process has.
const inheritedFd = 3

// inherited returns the listening socket that whoever started this process has opened for it, and nil when there is none:
// systemd's protocol (sd_listen_fds). Such a socket outlives the process. While one server ends and the next begins,
// those who connect wait in its queue, and nobody is refused.
func inherited() (net.Listener, error) {
	if pid, err := strconv.Atoi(os.Getenv("LISTEN_PID")); err != nil || pid != os.Getpid() {
		return nil, nil // meant for another process, or for nobody
	}
	if n := os.Getenv("LISTEN_FDS"); n != "1" {
		return nil, fmt.Errorf("taking over a listening socket: there are %q of them, and it has to be one", n)
	}
	file := os.NewFile(inheritedFd, "inherited socket")
	defer file.Close() // the listener has a descriptor of its own
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("taking over a listening socket: %w", err)
	}
	return listener, nil
}

// listenOrInherit opens the server's port, unless it has been opened already.
func listenOrInherit(ctx context.Context, address string) (net.Listener, error) {
	if listener, err := inherited(); listener != nil || err != nil {
		return listener, err
	}
	return listen(ctx, "--listen", address)
}
