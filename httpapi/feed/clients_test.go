package feed

import (
	"runtime"
	"strconv"
	"testing"
)

func TestRoomReleasesItsMemoryWhenACrowdHasLeft(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const clients = 50_000
	f := &Room{clients: map[string]Client{}}
	before := heap()
	for i := range clients {
		f.Connect(strconv.Itoa(i), Client{Number: i + 1})
	}
	full := heap() - before
	for i := range clients {
		f.Disconnect(strconv.Itoa(i), nil)
	}
	if left := int64(heap()) - int64(before); left > int64(full)/20 {
		t.Errorf("a room without clients has %d KiB of %d", left>>10, full>>10)
	}
	runtime.KeepAlive(f)
}
