package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// roomsReader holds the replicas of one reader of several rooms, which follows some of them at a time over one stream.
type roomsReader struct {
	api
	replicas map[string]*replica

	// Of the current stream.
	rooms []string
	ready map[string]bool // the rooms that are up to date
	began chan struct{}   // closed when all are
}

func newRoomsReader(a api, rooms ...string) *roomsReader {
	l := &roomsReader{api: a, replicas: map[string]*replica{}}
	for _, room := range rooms {
		l.replicas[room] = newReplica(room)
	}
	return l
}

// follow switches to other rooms, and returns the URL of the stream and the position to resume from.
func (l *roomsReader) follow(rooms []string) (path, position string) {
	l.rooms, l.ready, l.began = rooms, map[string]bool{}, make(chan struct{})
	epoch, parts := "none", []string{}
	for _, room := range rooms {
		r := l.replicas[room]
		r.fresh = nil
		if r.epoch != "" {
			epoch = r.epoch
		}
		parts = append(parts, part(r))
	}
	return "/v1/events?room=" + strings.Join(rooms, "&room="), epoch + "-" + strings.Join(parts, ".")
}

// part returns a room's part of the position.
func part(r *replica) string {
	if r.seq < 0 {
		return "_"
	}
	return fmt.Sprint(r.seq)
}

// take applies one event. Its id must be correct for the event's room and for all other rooms that are up to date.
func (l *roomsReader) take(e event) error {
	var data struct{ Room string }
	if err := json.Unmarshal(e.data, &data); err != nil {
		return wrongEvent{err}
	}
	r := l.replicas[data.Room]
	if r == nil { // `reconnect` has no room
		return nil
	}
	epoch, all, _ := strings.Cut(e.id, "-")
	own := e
	parts := strings.Split(all, ".")
	for i, room := range l.rooms {
		if e.id != "" && room == data.Room && len(parts) == len(l.rooms) {
			own.id = epoch + "-" + parts[i]
		}
	}
	if err := r.take(own); err != nil {
		return wrongEvent{err}
	}
	if e.name == "up-to-date" {
		if l.ready[data.Room] = true; len(l.ready) == len(l.rooms) {
			close(l.began)
		}
	}
	for i, room := range l.rooms {
		if e.id != "" && l.ready[room] && parts[i] != part(l.replicas[room]) {
			return wrongEvent{fmt.Errorf("%s has the id %s where %s is at %s", e.data, e.id, room, part(l.replicas[room]))}
		}
	}
	return nil
}

// readRaw reads one stream.
func (l *roomsReader) readRaw(ctx context.Context, path, position string) error {
	s, err := l.openAt(ctx, path, position)
	if err != nil {
		return err
	}
	defer s.close()
	for {
		e, err := s.next()
		if err != nil {
			return err
		}
		if err := l.take(e); err != nil {
			return err
		}
	}
}

// readWithR3labs reads one stream.
func (l *roomsReader) readWithR3labs(ctx context.Context, path, position string) error {
	return readWithR3labs(ctx, l.api, path, position, l.take)
}

// The test kills the server repeatedly under load. After each kill, the readers reconnect for other rooms in another order.
// They miss no batch, receive no batch twice, and never need the whole state again.
func TestAReaderOfSeveralRoomsMissesNothingWhenTheServerIsKilled(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--feed-bytes", "16384") // so that the log is needed, too
	all := []string{"a", "b", "c", "d"}
	strict, r3labs := newRoomsReader(s.api, all...), newRoomsReader(s.api, all...)

	for _, rooms := range [][]string{{"a", "b", "c"}, {"c", "a"}, {"d", "b"}, {"b", "c", "d", "a"}, {"d"}} {
		ended := []<-chan error{strict.reads(t, rooms, strict.readRaw), r3labs.reads(t, rooms, r3labs.readWithR3labs)}
		var writing sync.WaitGroup
		for _, room := range all {
			at := s.snapshot(room).ServerSeq
			writing.Go(func() { writeUntilItFails(t.Context(), s.api, room) })
			eventually(t, func() error {
				if now, err := s.api.snapshot(t.Context(), room); err != nil || now.ServerSeq < at+30 {
					return fmt.Errorf("%s is at %d, after %d: %w", room, now.ServerSeq, at, err)
				}
				return nil
			})
		}
		s.kill()
		writing.Wait()
		for _, end := range ended {
			if err := <-end; errors.As(err, new(wrongEvent)) {
				t.Fatal(err)
			}
		}
		s.start()
	}
	strict.reads(t, all, strict.readRaw)
	r3labs.reads(t, all, r3labs.readWithR3labs)
	for _, l := range []*roomsReader{strict, r3labs} {
		for _, r := range l.replicas {
			s.sameState(r)
			if r.starts != 1 {
				t.Errorf("%s has %d starts", r.room, r.starts)
			}
		}
	}
}

// reads opens a stream of rooms and returns when all rooms are up to date.
func (l *roomsReader) reads(t *testing.T, rooms []string, read func(ctx context.Context, path, position string) error) <-chan error {
	t.Helper()
	path, position := l.follow(rooms)
	ended, began := make(chan error, 1), l.began
	go func() { ended <- read(t.Context(), path, position) }()
	select {
	case <-began:
	case err := <-ended:
		t.Fatalf("%s from %s: %v", path, position, err)
	case <-time.After(patience):
		t.Fatalf("%s from %s: not all rooms are up to date", path, position)
	}
	return ended
}

func writeUntilItFails(ctx context.Context, a api, room string) {
	for n := 1; ; n++ {
		value := json.RawMessage(fmt.Sprintf(`{"n":%d,"text":%q}`, n, strings.Repeat("x", n%7*100)))
		b := batch{ClientID: "writer", Key: "default", Ops: []op{{Path: fmt.Sprintf("k%d", n%5), Op: "set", Value: value}}}
		if _, err := a.post(ctx, room, b.encode()); err != nil {
			return
		}
	}
}
