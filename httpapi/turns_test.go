package httpapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestATurnIsNotWaitedForWithoutLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		end, err := turns.take(t.Context(), "ada")
		if err != nil {
			t.Fatal(err)
		}
		other, err := turns.take(t.Context(), "bob") // who has nothing to do with it
		if err != nil {
			t.Fatal(err)
		}
		other()
		began := time.Now()
		if _, err := turns.take(t.Context(), "ada"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != maxTurn {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		end()
		if end, err = turns.take(t.Context(), "ada"); err != nil {
			t.Fatal(err)
		}
		end()
		if len(turns.all) > 0 {
			t.Errorf("nobody waits, and %d are remembered", len(turns.all))
		}
	})
}
