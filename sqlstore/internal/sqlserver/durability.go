package sqlserver

import (
	"context"
	"errors"
	"sync"
	"time"
)

// durabilityCheck rejects a database that confirms commits before they are on the disk. The setting can change while
// connections are open, so it is checked again before an append.
type durabilityCheck struct {
	setting func(context.Context) (int, error)

	mu      sync.Mutex
	checked time.Time // when the setting was last found safe
}

// durabilityInterval is the time between checks. After a change of the setting, a crash of the database can lose commits
// acknowledged within this time.
const durabilityInterval = 10 * time.Second

// delayedDurabilityForced is the setting FORCED: every commit is delayed.
const delayedDurabilityForced = 2

var errDelayedDurability = errors.New("the database confirms commits before they are on the disk: " +
	"set its DELAYED_DURABILITY to ALLOWED or DISABLED")

// recheck checks the setting unless the last check is recent.
func (c *durabilityCheck) recheck(ctx context.Context) error {
	c.mu.Lock()
	recent := time.Since(c.checked) < durabilityInterval
	c.mu.Unlock()
	if recent {
		return nil
	}
	return c.check(ctx)
}

func (c *durabilityCheck) check(ctx context.Context) error {
	setting, err := c.setting(ctx)
	if err != nil {
		return err
	}
	if setting == delayedDurabilityForced {
		return errDelayedDurability
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checked = time.Now()
	return nil
}
