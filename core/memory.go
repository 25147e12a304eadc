package core

// CountMemory registers a function that estimates the memory used outside the rooms for their readers and writers: bytes in
// use, bytes of old versions that slow readers hold, and bytes that the garbage collector has not freed yet. The hub calls it
// often and under its lock, so it must be fast and must not call the hub. A later call replaces the function.
func (h *Hub) CountMemory(external func() (used, retained, garbage int64)) {
	h.external.Store(&external)
}

func (h *Hub) externalMemory() (used, retained, garbage int64) {
	if external := h.external.Load(); external != nil {
		return (*external)()
	}
	return 0, 0, 0
}

// overBudget reports whether the memory budget is used up. Then no room is opened. Open rooms continue to grow within their
// own limits: a batch is never refused because of the memory of other rooms.
func (h *Hub) overBudget() bool {
	return h.cfg.MemoryBudget > 0 && h.used() >= h.cfg.MemoryBudget
}

// used estimates the memory of rooms, pending batches and external memory in bytes.
func (h *Hub) used() int64 {
	used, _, _ := h.externalMemory()
	return withGarbage(h.memory.Load() + h.committer.queuedBytes() + used)
}

// estimate estimates the memory of the process in bytes. After a load, its garbage exceeds what withGarbage assumes.
func (h *Hub) estimate() int64 {
	used, retained, garbage := h.externalMemory()
	held := h.memory.Load() + h.committer.queuedBytes() + used + h.retained.Bytes() + retained
	return max(withGarbage(held), held+garbage)
}

// withGarbage estimates the process memory for bytes in use: the heap may grow to twice the live memory before a garbage
// collection.
func withGarbage(bytes int64) int64 { return bytes * 8 / 5 }
