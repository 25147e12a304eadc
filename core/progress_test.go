package core

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTimeoutLimitsTimeWithoutProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := withProgress(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		for range 100 {
			time.Sleep(9 * time.Second)
			Progress(ctx)
		}
		if ctx.Err() != nil {
			t.Fatalf("it ended after %v", time.Since(began))
		}
		stalled := time.Now()
		<-ctx.Done()
		if took := time.Since(stalled); took != 10*time.Second || !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			t.Errorf("it ended after %v: %v", took, context.Cause(ctx))
		}
		Progress(ctx) // no effect after the end
		Progress(t.Context())
	})
}
