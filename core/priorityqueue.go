package core

import "container/heap"

// priorityQueue is a heap whose items know their position, so that an item can be removed or reordered in O(log n). Before
// use, before and place must be set. It is not safe for concurrent use.
type priorityQueue[T any] struct {
	items  []T
	before func(a, b T) bool // reports whether a comes before b
	place  func(T) *int      // the item's index in items plus one; 0: it is not in the queue
}

// set adds an item, or reorders it after a change of its priority.
func (q *priorityQueue[T]) set(item T) {
	if at := *q.place(item); at > 0 {
		heap.Fix((*heapOf[T])(q), at-1)
		return
	}
	heap.Push((*heapOf[T])(q), item)
}

// remove removes an item. It ignores one that is not in the queue.
func (q *priorityQueue[T]) remove(item T) {
	if at := *q.place(item); at > 0 {
		heap.Remove((*heapOf[T])(q), at-1)
	}
}

// first returns the first item. ok is false when the queue is empty.
func (q *priorityQueue[T]) first() (item T, ok bool) {
	if len(q.items) == 0 {
		return item, false
	}
	return q.items[0], true
}

func (q *priorityQueue[T]) len() int { return len(q.items) }

// heapOf implements heap.Interface.
type heapOf[T any] priorityQueue[T]

func (h *heapOf[T]) Len() int           { return len(h.items) }
func (h *heapOf[T]) Less(i, j int) bool { return h.before(h.items[i], h.items[j]) }

func (h *heapOf[T]) Swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	*h.place(h.items[i]), *h.place(h.items[j]) = i+1, j+1
}

func (h *heapOf[T]) Push(item any) {
	h.items = append(h.items, item.(T))
	*h.place(item.(T)) = len(h.items)
}

func (h *heapOf[T]) Pop() any {
	last := len(h.items) - 1
	item := h.items[last]
	var none T
	h.items[last] = none
	h.items = h.items[:last]
	*h.place(item) = 0
	return item
}
