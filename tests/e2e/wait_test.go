package e2e

import (
	"context"
	"testing"
	"time"
)

// patience is the time limit for anything that should happen at once. It is long, so that correct code passes on a busy
// machine.
const patience = 30 * time.Second

// eventually calls check until it returns nil. It is for conditions without an event to wait for.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	limit := time.After(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-limit:
			t.Fatalf("after %s: %v", patience, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// pause waits between two attempts, and reports whether ctx is still active.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
