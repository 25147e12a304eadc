package core

import "container/heap"

// priorityQueue holds items in order of priority. Adding, removing and reordering one costs O(log n). The zero value needs
// before and place. It is not safe for concurrent use.
type priorityQueue[T any] struct {
	items  []T
	before func(a, b T) bool // whether a comes first
	place  func(T) *int      // where an item keeps its position in items plus one; 0: it is not in the queue
}

// set adds an item, or moves it to its place after its priority has changed.
func (q *priorityQueue[T]) set(item T) {
	if at := *q.place(item); at > 0 {
		heap.Fix((*heapOf[T])(q), at-1)
		return
	}
	heap.Push((*heapOf[T])(q), item)
}

// remove takes an item out. One that is not in the queue is ignored.
func (q *priorityQueue[T]) remove(item T) {
	if at := *q.place(item); at > 0 {
		heap.Remove((*heapOf[T])(q), at-1)
	}
}

// first returns the item that comes first, if there is one.
func (q *priorityQueue[T]) first() (item T, ok bool) {
	if len(q.items) == 0 {
		return item, false
	}
	return q.items[0], true
}

func (q *priorityQueue[T]) len() int { return len(q.items) }

// heapOf is a priorityQueue as container/heap needs it.
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
