package memstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pathsync/pathsync/core"
)

// tailPage is the maximum number of batches of one call of Next.
const tailPage = 1000

// tail is the position of a reader in the list of all batches.
type tail struct {
	store *Store
	next  int
}

// OpenTail implements core.Store.
func (s *Store) OpenTail(ctx context.Context) (core.Tail, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return &tail{store: s, next: len(s.all)}, s.usable(ctx)
}

// Next implements core.Tail.
func (t *tail) Next(ctx context.Context) (entries []core.TailEntry, more bool, err error) {
	t.store.mu.RLock()
	defer t.store.mu.RUnlock()
	if err := t.store.usable(ctx); err != nil {
		return nil, false, err
	}
	end := min(len(t.store.all), t.next+tailPage)
	entries = slices.Clone(t.store.all[t.next:end])
	t.next = end
	return entries, end < len(t.store.all), nil
}

// Held implements core.Tail. An append is visible at once.
func (t *tail) Held() time.Duration { return 0 }

// node is a server's row.
type node struct {
	core.Node
	seen time.Time
}

// SaveNode implements core.Store.
func (s *Store) SaveNode(ctx context.Context, n core.Node) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return err
	}
	s.nodes[strings.Clone(n.ID)] = node{n, time.Now()}
	return nil
}

// RemoveNodes implements core.Store.
func (s *Store) RemoveNodes(ctx context.Context, ids ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		delete(s.nodes, id)
	}
	return s.usable(ctx)
}

// Nodes implements core.Store.
func (s *Store) Nodes(ctx context.Context) (all []core.Node, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, n := range s.nodes {
		n.Age = time.Since(n.seen)
		all = append(all, n.Node)
	}
	slices.SortFunc(all, func(a, b core.Node) int { return strings.Compare(a.ID, b.ID) })
	return all, s.usable(ctx)
}
