package memstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pathsync/pathsync/core"
)

var _ core.Store = (*Store)(nil)

var errClosed = errors.New("the store is closed")

// Store is a core.Store in memory. Make one with New.
type Store struct {
	*database
	epoch   string
	created bool
	over    bool // Reopen has replaced this Store
}

// database is shared by the Stores of several histories.
type database struct {
	mu     sync.RWMutex
	epoch  string
	rooms  map[string]*room // rooms that were written to
	closed bool
	all    []core.TailEntry // all batches, in the order of their appends

	settings map[string]string
	nodes    map[string]node
}

// New returns an empty store with a new epoch.
func New() *Store {
	epoch := newEpoch()
	return &Store{epoch: epoch, created: true, database: &database{
		epoch: epoch, rooms: make(map[string]*room), settings: make(map[string]string), nodes: make(map[string]node),
	}}
}

// Connect returns another Store of the same database, as another server has. It is for tests.
func (s *Store) Connect() *Store {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return &Store{epoch: s.database.epoch, database: s.database}
}

func newEpoch() string { return strings.ToLower(rand.Text()[:8]) }

// Epoch implements core.Store.
func (s *Store) Epoch() string { return s.epoch }

// Created implements core.Store.
func (s *Store) Created() bool { return s.created }

// Reopen implements core.Store.
func (s *Store) Reopen(ctx context.Context, lost bool) (core.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.over = true
	renamed := lost && s.database.epoch == s.epoch
	if renamed {
		s.database.epoch = newEpoch()
	}
	return &Store{database: s.database, epoch: s.database.epoch, created: renamed}, nil
}

// Append implements core.Store.
func (s *Store) Append(ctx context.Context, batches []*core.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return err
	}
	// All batches are checked before the first is written, so the append is atomic.
	if err := s.acceptable(batches); err != nil {
		return err
	}
	if err := s.continues(batches); err != nil {
		return fmt.Errorf("appending to the log: %w", err)
	}
	for _, b := range batches {
		b = keep(b)
		s.writable(b.Room).append(b)
		s.all = append(s.all, core.TailEntry{Room: b.Room, ServerSeq: b.ServerSeq})
	}
	return nil
}

// acceptable returns an error for a serverSeq that is in the log or occurs twice, and for a batch without operations.
func (s *Store) acceptable(batches []*core.Batch) error {
	type position struct {
		room      string
		serverSeq int64
	}
	among := make(map[position]bool, len(batches))
	for _, b := range batches {
		at := position{b.Room, b.ServerSeq}
		if among[at] || s.readable(b.Room).has(b.ServerSeq) {
			return fmt.Errorf("appending to the log: %w", core.ErrConflict)
		}
		if len(b.Ops) == 0 {
			return fmt.Errorf("appending to the log: %w: a batch without operations", core.ErrRejected)
		}
		among[at] = true
	}
	return nil
}

// continues returns an error if batches do not continue the log of their room.
func (s *Store) continues(batches []*core.Batch) error {
	first := map[string]bool{}
	for _, b := range batches {
		if first[b.Room] {
			continue
		}
		first[b.Room] = true
		r := s.readable(b.Room)
		switch head := r.head(); {
		case head >= b.ServerSeq:
			return core.ErrConflict
		case head != b.ServerSeq-1 && r.newest() < b.ServerSeq-1:
			return core.ErrHistoryLost
		}
	}
	return nil
}

// ahead reports whether a serverSeq is beyond a room's log. An empty log has no end.
func (s *Store) ahead(name string, serverSeq int64) bool {
	head := s.readable(name).head()
	return head > 0 && head < serverSeq
}

// Log implements core.Store.
func (s *Store) Log(ctx context.Context, room string, after int64, page core.Page) ([]*core.Batch, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	return s.readable(room).page(after, page), nil
}

// FindBatch implements core.Store.
func (s *Store) FindBatch(ctx context.Context, room, clientID string, clientSeq int64) (*core.Batch, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	return s.readable(room).find(clientID, clientSeq), nil
}

// LastClientSeq implements core.Store.
func (s *Store) LastClientSeq(ctx context.Context, room, clientID string) (int64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	return s.readable(room).lastClientSeq(clientID), nil
}

// Documents implements core.Store.
func (s *Store) Documents(ctx context.Context, room string) ([]core.Document, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	return s.readable(room).allDocuments(), nil
}

// SaveDocuments implements core.Store.
func (s *Store) SaveDocuments(ctx context.Context, docs []core.Document) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return err
	}
	for _, d := range docs {
		if s.ahead(d.Room, d.ServerSeq) {
			return fmt.Errorf("saving documents: %w", core.ErrHistoryLost)
		}
	}
	for _, d := range docs {
		s.writable(d.Room).save(d)
	}
	return nil
}

// Head implements core.Store.
func (s *Store) Head(ctx context.Context, room string) (int64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	return s.readable(room).head(), nil
}

// Checkpoint implements core.Store.
func (s *Store) Checkpoint(ctx context.Context, room string) (core.Checkpoint, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return core.Checkpoint{}, err
	}
	return s.readable(room).checkpointed(room), nil
}

// SaveCheckpoints implements core.Store.
func (s *Store) SaveCheckpoints(ctx context.Context, checkpoints []core.Checkpoint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return err
	}
	for _, c := range checkpoints {
		if s.ahead(c.Room, c.ServerSeq) {
			return fmt.Errorf("saving checkpoints: %w", core.ErrHistoryLost)
		}
	}
	for _, c := range checkpoints {
		s.writable(c.Room).saveCheckpoint(c)
	}
	return nil
}

// NextRoom implements core.Store.
func (s *Store) NextRoom(ctx context.Context, after string) (next string, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return "", err
	}
	for name, r := range s.rooms {
		if len(r.log) > 0 && name > after && (next == "" || name < next) {
			next = name
		}
	}
	return next, nil
}

// RoomAfter implements core.Store.
func (s *Store) RoomAfter(ctx context.Context, after string) (next core.StoredRoom, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return next, err
	}
	for name, r := range s.rooms {
		if len(r.log)+len(r.documents) > 0 && name > after && (next.Name == "" || name < next.Name) {
			next = r.stored(name)
		}
	}
	return next, nil
}

// Oldest implements core.Store.
func (s *Store) Oldest(ctx context.Context, room string, after int64, bounds core.Bounds) ([]core.Entry, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	return s.readable(room).oldest(after, bounds), nil
}

// Prune implements core.Store.
func (s *Store) Prune(ctx context.Context, room string, after, through int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return err
	}
	s.writable(room).prune(after, through)
	return nil
}

// Now implements core.Store.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return time.Now(), s.usable(ctx)
}

// Setting implements core.Store.
func (s *Store) Setting(ctx context.Context, name string) (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.settings[name], s.usable(ctx)
}

// SaveSetting implements core.Store.
func (s *Store) SaveSetting(ctx context.Context, name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return err
	}
	s.settings[strings.Clone(name)] = strings.Clone(value)
	return nil
}

// InitSetting implements core.Store.
func (s *Store) InitSetting(ctx context.Context, name, value string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return "", err
	}
	if s.settings[name] == "" {
		s.settings[strings.Clone(name)] = strings.Clone(value)
	}
	return s.settings[name], nil
}

// Ping implements core.Store.
func (s *Store) Ping(ctx context.Context) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.usable(ctx)
}

// Forget removes everything after a serverSeq from a room and keeps the epoch, as a restored backup does. It is for tests.
func (s *Store) Forget(room string, after int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writable(room).forget(after)
}

// Close implements core.Store. It discards the data.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.rooms = true, nil
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed {
		return errClosed
	}
	if s.over || s.database.epoch != s.epoch {
		return core.ErrHistoryChanged
	}
	return ctx.Err()
}

// readable returns a room for reading, and an empty one if the room does not exist.
func (s *Store) readable(name string) *room {
	if r, ok := s.rooms[name]; ok {
		return r
	}
	return &room{}
}

// writable returns a room for writing, and adds it if it does not exist.
func (s *Store) writable(name string) *room {
	r, ok := s.rooms[name]
	if !ok {
		r = newRoom()
		s.rooms[strings.Clone(name)] = r
	}
	return r
}
