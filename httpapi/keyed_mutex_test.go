package httpapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeyedMutexWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newKeyedMutex()
		unlock, err := m.lock(t.Context(), "ada")
		if err != nil {
			t.Fatal(err)
		}
		other, err := m.lock(t.Context(), "bob") // another key
		if err != nil {
			t.Fatal(err)
		}
		other()
		began := time.Now()
		if _, err := m.lock(t.Context(), "ada"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != maxLockWait {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		unlock()
		if unlock, err = m.lock(t.Context(), "ada"); err != nil {
			t.Fatal(err)
		}
		unlock()
		if len(m.all) > 0 {
			t.Errorf("%d locks remain", len(m.all))
		}
	})
}
