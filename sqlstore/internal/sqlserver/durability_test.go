package sqlserver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestDelayedDurabilityIsDetectedWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		setting, asked := 0, 0
		check := durabilityCheck{setting: func(context.Context) (int, error) { asked++; return setting, nil }}
		steps := []struct {
			after   time.Duration
			setting int
			refused bool
		}{{0, 0, false}, {time.Second, 2, false}, {durabilityInterval, 2, true}, {0, 2, true}, {0, 1, false}, {durabilityInterval, 1, false}}
		for i, step := range steps {
			time.Sleep(step.after)
			setting = step.setting
			if err := check.recheck(t.Context()); (err != nil) != step.refused {
				t.Errorf("step %d: %v", i, err)
			}
		}
		if asked > len(steps)-1 {
			t.Errorf("the database was asked %d times", asked)
		}
	})
}
