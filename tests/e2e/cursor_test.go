package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A batch is in the log shortly before it is broadcast. A response from the log must not have a position that the room
// itself has not reached.
func TestAReturnedPositionIsValidAtOnce(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--feed-bytes", "16384") // about fifteen batches
	value := []byte(`"` + strings.Repeat("x", 1<<10) + `"`)
	const writers, readers, looks = 2, 4, 50
	ended := make(chan error, readers)
	for range writers {
		go func() {
			b := batch{ClientID: "writer", Key: "default", Ops: []op{{Path: "n", Op: "set", Value: value}}}.encode()
			for {
				if _, err := s.api.post(t.Context(), "board", b); err != nil {
					return // the test is over
				}
			}
		}()
	}
	for range readers {
		go func() {
			for range looks {
				if err := s.readOldBatches(t, "board"); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
	}
	for range readers {
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}

// readOldBatches requests more batches than are in memory, by changes and by a stream, and then the batches after them.
func (s *server) readOldBatches(t *testing.T, room string) error {
	now, err := s.api.snapshot(t.Context(), room)
	if err != nil {
		return err
	}
	behind := fmt.Sprintf("%s-%d", now.Epoch, max(0, now.ServerSeq-40))
	page, err := s.changes(t.Context(), room, behind, 0)
	if err != nil {
		return err
	}
	if _, err := s.changes(t.Context(), room, page.Next, 0); err != nil {
		return fmt.Errorf("requesting the batches after %s, the position just returned: %w", page.Next, err)
	}
	stream, err := s.open(t.Context(), room, "", behind)
	if err != nil {
		return err
	}
	defer stream.close()
	first, err := stream.next()
	if err != nil {
		return err
	}
	if first.name == "state" {
		return errors.New("resuming at " + behind + " returned the whole state")
	}
	return nil
}
