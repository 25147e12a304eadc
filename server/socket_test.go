package server

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestSocketForAnotherProcessIsIgnored(t *testing.T) {
	for _, pid := range []string{"", "1", "none"} {
		t.Setenv("LISTEN_PID", pid)
		t.Setenv("LISTEN_FDS", "1")
		if listener, err := activated(); listener != nil || err != nil {
			t.Errorf("%q: %v, %v", pid, listener, err)
		}
	}
}

func TestSeveralActivatedSocketsAreAnError(t *testing.T) {
	t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	t.Setenv("LISTEN_FDS", "2")
	if _, err := activated(); err == nil || !strings.Contains(err.Error(), "has to be one") {
		t.Errorf("%v", err)
	}
}
