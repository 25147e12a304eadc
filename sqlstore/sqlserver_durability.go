package sqlstore

import (
	"context"
	"errors"
	"sync"
	"time"
)

// durabilityCheck refuses a database that answers every commit before it is on the disk. The setting can change while the
// server runs, without ending its connections, so the database is asked again before an append once the last answer is old.
type durabilityCheck struct {
	setting func(context.Context) (int, error)

	mu      sync.Mutex
	checked time.Time // when the answer was good
}

// durabilityEvery is how old the answer may be: so long, commits can be answered that a crash of the database loses.
const durabilityEvery = 10 * time.Second

// delayedDurabilityForced is the value of a database in which no commit can ask for anything else.
const delayedDurabilityForced = 2

var errSQLServerDelayed = errors.New("the database answers commits before they are on the disk: " +
	"set its DELAYED_DURABILITY to ALLOWED or DISABLED")

// recheck is check, unless that was done a short time ago.
func (c *durabilityCheck) recheck(ctx context.Context) error {
	c.mu.Lock()
	recent := time.Since(c.checked) < durabilityEvery
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
		return errSQLServerDelayed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checked = time.Now()
	return nil
}
