package httpapi

import (
	"context"
	"sync"
	"time"
)

// keyedMutex is a mutex for each key. The server locks a client id while that client connects to several rooms. Otherwise each of two
// concurrent streams of a client could be the newer one in some of the rooms, and they would end each other.
type keyedMutex struct {
	mu  sync.Mutex
	all map[string]*keyLock // locked, or waited for
}

type keyLock struct {
	locked chan struct{} // has a token while it is locked
	users  int           // that hold it or wait; guarded by keyedMutex.mu
}

// maxLockWait is the maximum wait. It is longer than the default core.Config.StoreTimeout.
const maxLockWait = 12 * time.Second

func newKeyedMutex() *keyedMutex { return &keyedMutex{all: map[string]*keyLock{}} }

// lock waits for the lock of a key. It fails with the error of a context: ctx, or context.DeadlineExceeded.
func (m *keyedMutex) lock(ctx context.Context, key string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, maxLockWait)
	defer cancel()
	m.mu.Lock()
	own := m.all[key]
	if own == nil {
		own = &keyLock{locked: make(chan struct{}, 1)}
		m.all[key] = own
	}
	own.users++
	m.mu.Unlock()
	select {
	case own.locked <- struct{}{}:
		return func() { <-own.locked; m.leave(key, own) }, nil
	case <-ctx.Done():
		m.leave(key, own)
		return nil, ctx.Err()
	}
}

func (m *keyedMutex) leave(key string, own *keyLock) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if own.users--; own.users == 0 {
		delete(m.all, key)
	}
}
