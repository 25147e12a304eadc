package e2e

import (
	"context"
	"testing"
	"time"
)

// patience is how long anything may take that should happen at once. It is generous: on a busy machine, a test that is
// right must not fail.
const patience = 30 * time.Second

// eventually waits until check returns nil. It is for what does not announce itself.
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

// pause lets some time pass between two attempts, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
