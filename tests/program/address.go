package program

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// FreeAddress finds a free port of the loopback interface for a program that may restart on it. The port is outside the
// ephemeral range: an outgoing connection could take an ephemeral port while the program is stopped.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.N(10000))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
