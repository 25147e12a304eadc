package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
)

// activationFd is the first file descriptor of socket activation, after the three standard ones.
const activationFd = 3

// activated returns the listening socket that the parent process passed by socket activation (sd_listen_fds), or nil.
// The socket outlives the process: during a restart, new connections wait in its queue and none is refused.
func activated() (net.Listener, error) {
	if pid, err := strconv.Atoi(os.Getenv("LISTEN_PID")); err != nil || pid != os.Getpid() {
		return nil, nil // no socket, or one for another process
	}
	if n := os.Getenv("LISTEN_FDS"); n != "1" {
		return nil, fmt.Errorf("socket activation: LISTEN_FDS is %q, and has to be one socket", n)
	}
	file := os.NewFile(activationFd, "activated socket")
	defer file.Close() // the listener has a descriptor of its own
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("socket activation: %w", err)
	}
	return listener, nil
}

// listener returns Config.Listener, the activated socket, or a new listener at Listen.
func (c Config) listener(ctx context.Context) (net.Listener, error) {
	if c.Listener != nil {
		return c.Listener, nil
	}
	if listener, err := activated(); listener != nil || err != nil {
		return listener, err
	}
	return c.listen(ctx, "Listen", c.Listen)
}

// listen opens the port that a field names.
func (c Config) listen(ctx context.Context, field, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, c.errorf("listening on %s: %w; choose another address with {"+field+"}", address, errors.Unwrap(err))
	}
	return listener, nil
}
