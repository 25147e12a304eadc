package httpapi_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/pathsync/pathsync/core"
)

// epoch is the epoch of every test's database.
const epoch = "history1"

// secret is data that clients must not see.
const secret = "s3cret-pa55word"

// errAway is the error of a driver that cannot reach its server, with details that clients must not see.
var errAway = errors.New("dial sqlserver://sa:" + secret + "@10.0.0.7: INSERT INTO sync_change_log VALUES (@p1): refused")

// faultyStore is a database that can be unavailable, as a whole or for one room.
type faultyStore struct {
	core.Store

	logReads atomic.Int64 // pages of the log that were asked for
	saves    atomic.Int64 // document rows that were written

	mu      sync.Mutex
	failing error
	damaged map[string]bool
}

func (s *faultyStore) Epoch() string { return epoch }

func (s *faultyStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = err
}

func (s *faultyStore) recover() { s.fail(nil) }

// damage replaces a document row by invalid data.
func (s *faultyStore) damage(room string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.damaged = map[string]bool{room: true}
}

func (s *faultyStore) fault() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failing
}

func (s *faultyStore) Head(ctx context.Context, room string) (int64, error) {
	if err := s.fault(); err != nil {
		return 0, err
	}
	return s.Store.Head(ctx, room)
}

func (s *faultyStore) Append(ctx context.Context, batches []*core.Batch) error {
	if err := s.fault(); err != nil {
		return err
	}
	return s.Store.Append(ctx, batches)
}

func (s *faultyStore) Log(ctx context.Context, room string, after int64, page core.Page) ([]*core.Batch, error) {
	s.logReads.Add(1)
	if err := s.fault(); err != nil {
		return nil, err
	}
	return s.Store.Log(ctx, room, after, page)
}

func (s *faultyStore) FindBatch(ctx context.Context, room, clientID string, clientSeq int64) (*core.Batch, error) {
	if err := s.fault(); err != nil {
		return nil, err
	}
	return s.Store.FindBatch(ctx, room, clientID, clientSeq)
}

func (s *faultyStore) LastClientSeq(ctx context.Context, room, clientID string) (int64, error) {
	if err := s.fault(); err != nil {
		return 0, err
	}
	return s.Store.LastClientSeq(ctx, room, clientID)
}

func (s *faultyStore) Documents(ctx context.Context, room string) ([]core.Document, error) {
	if err := s.fault(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	damaged := s.damaged[room]
	s.mu.Unlock()
	if damaged {
		return []core.Document{{Room: room, Key: "default", ServerSeq: 1, State: `{"password":"` + secret}}, nil
	}
	return s.Store.Documents(ctx, room)
}

func (s *faultyStore) SaveDocuments(ctx context.Context, docs []core.Document) error {
	if err := s.fault(); err != nil {
		return err
	}
	s.saves.Add(int64(len(docs)))
	return s.Store.SaveDocuments(ctx, docs)
}

func (s *faultyStore) Ping(ctx context.Context) error {
	if err := s.fault(); err != nil {
		return err
	}
	return s.Store.Ping(ctx)
}
