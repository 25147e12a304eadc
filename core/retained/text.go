package retained

import (
	"sync"
	"unsafe"
)

// Text is bytes that are made at the first use, for an owner that must not wait meanwhile because it holds a lock. A nil Text has
// no bytes. Its methods are safe for concurrent use.
type Text struct {
	of   func() []byte
	once sync.Once

	mu      sync.Mutex // never held while the bytes are made
	bytes   []byte     // nil: not made yet
	dropped func([]byte)
}

// NewText returns a text. of makes the bytes; it is called at most once.
func NewText(of func() []byte) *Text { return &Text{of: of} }

// Bytes returns the bytes. The first call makes them; concurrent calls wait for it. They must not be changed.
func (t *Text) Bytes() []byte {
	if t == nil {
		return nil
	}
	t.once.Do(func() {
		bytes := t.of()
		t.of = nil
		t.mu.Lock()
		defer t.mu.Unlock()
		t.bytes = bytes
		if t.dropped != nil {
			t.dropped(bytes)
		}
	})
	return t.bytes
}

// String returns Bytes as a string that shares their memory.
func (t *Text) String() string {
	bytes := t.Bytes()
	return unsafe.String(unsafe.SliceData(bytes), len(bytes))
}

// Drop passes the bytes to dropped, now or when they are made: the owner no longer keeps them, but others may. It does not wait
// for the bytes, and may be called once.
func (t *Text) Drop(dropped func([]byte)) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bytes != nil {
		dropped(t.bytes)
		return
	}
	t.dropped = dropped
}
