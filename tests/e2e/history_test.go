package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// beginning is the start of a new stream.
type beginning struct {
	whole bool   // it begins with the whole state
	id    string // of its `up-to-date`
}

// begins opens a stream from a position and reads its beginning.
func (s *server) begins(room, position string) (b beginning) {
	s.t.Helper()
	stream, err := s.open(s.t.Context(), room, "", position)
	if err != nil {
		s.t.Fatalf("opening a stream of %s from %s: %v", room, position, err)
	}
	defer stream.close()
	for {
		e, err := stream.next()
		if err != nil {
			s.t.Fatalf("reading a stream of %s from %s: %v", room, position, err)
		}
		switch e.name {
		case "state":
			b.whole = true
		case "up-to-date":
			b.id = e.id
			return b
		}
	}
}

func epochOf(id string) string {
	epoch, _, _ := strings.Cut(id, "-")
	return epoch
}

// write sets a member that many times, and returns the last event id.
func (s *server) write(room string, times int) (id string) {
	s.t.Helper()
	for n := range times {
		a := s.set(room, "n", fmt.Sprint(n))
		id = fmt.Sprintf("%s-%d", a.Epoch, a.ServerSeq)
	}
	return id
}

// startsWithNewEpoch expects that a reader from an old epoch receives the whole state under a new epoch.
func (s *server) startsWithNewEpoch(room, position string) (epoch string) {
	s.t.Helper()
	b := s.begins(room, position)
	if epoch = epochOf(b.id); !b.whole || epoch == epochOf(position) {
		s.t.Errorf("a reader at %s continues at %s, with whole state: %v", position, b.id, b.whole)
	}
	return epoch
}

// backups are ways to go back to an earlier state of an SQLite database while the server is down.
var backups = map[string]struct {
	end     func(*server)
	restore func(t *testing.T, file, backup string)
}{
	"the file is copied over": {(*server).stop, func(t *testing.T, file, backup string) { copyFile(t, backup, file) }},
	"the file is replaced": {(*server).stop, func(t *testing.T, file, backup string) {
		if err := os.Rename(backup, file); err != nil {
			t.Fatal(err)
		}
	}},
	"the write-ahead log is deleted after a crash": {(*server).kill, func(t *testing.T, file, backup string) {
		copyFile(t, backup, file)
		for _, suffix := range []string{"-wal", "-shm"} {
			if err := os.Remove(file + suffix); err != nil {
				t.Fatal(err)
			}
		}
	}},
	"the write-ahead log is truncated after a crash": {(*server).kill, func(t *testing.T, file, backup string) {
		copyFile(t, backup, file)
		if err := os.Truncate(file+"-wal", 0); err != nil {
			t.Fatal(err)
		}
	}},
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAReaderBeyondARestoredBackupEndsItsHistory(t *testing.T) {
	t.Parallel()
	for name, way := range backups {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "--server-batch-ms", "5")
			s.write("board", 5)
			s.write("other", 5)
			s.stop()
			backup := filepath.Join(t.TempDir(), "backup.db")
			copyFile(t, s.file, backup)
			s.start()
			ahead := s.write("board", 5)
			epoch := epochOf(ahead)
			way.end(s)
			way.restore(t, s.file, backup)
			s.start()

			renewed := s.startsWithNewEpoch("board", ahead)
			s.write("board", 7) // beyond the readers' positions
			for _, position := range []string{epoch + "-8", epoch + "-5", ahead} {
				if got := s.startsWithNewEpoch("board", position); got != renewed {
					t.Errorf("the reader at %s gets the epoch %s, and the first got %s", position, got, renewed)
				}
			}
			s.startsWithNewEpoch("other", epoch+"-5")
			if said := s.process.Stderr.String(); strings.Count(said, "level=ERROR") != 1 {
				t.Errorf("want one error in the log:\n%s", said)
			}
			s.stop()
		})
	}
}

// The server detects the loss by each kind of position.
func TestEveryPositionBeyondTheLogEndsItsHistory(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(s *server, epoch string) int{
		"last_event_id": func(s *server, epoch string) int {
			stream, err := s.openAt(s.t.Context(), "/v1/rooms/board/events?last_event_id="+epoch+"-9", "")
			if err != nil {
				s.t.Fatal(err)
			}
			stream.close()
			return 200
		},
		"a stream of several rooms": func(s *server, epoch string) int {
			stream, err := s.openAt(s.t.Context(), "/v1/events?room=other&room=board", epoch+"-_.9")
			if err != nil {
				s.t.Fatal(err)
			}
			stream.close()
			return 200
		},
		"after": func(s *server, epoch string) int {
			return s.ask(http.MethodGet, "/v1/rooms/board/changes?after="+epoch+"-9", nil, "").status - 210
		},
		"until": func(s *server, epoch string) int {
			return s.ask(http.MethodGet, "/v1/rooms/board/changes?after="+epoch+"-1&until="+epoch+"-9", nil, "").status - 210
		},
		"at": func(s *server, epoch string) int {
			return s.ask(http.MethodGet, "/v1/rooms/board?at="+epoch+"-9", nil, "").status - 210
		},
		"an entity tag of a room": func(s *server, epoch string) int {
			return s.ask(http.MethodGet, "/v1/rooms/board", http.Header{"If-None-Match": {`"x", W/"` + epoch + `-9"`}}, "").status
		},
		"an entity tag of a document": func(s *server, epoch string) int {
			return s.ask(http.MethodGet, "/v1/rooms/board/stores/default", http.Header{"If-None-Match": {`"` + epoch + `-9"`}}, "").status
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			epoch := epochOf(s.write("board", 5))
			s.stop()
			s.start()
			if status := ask(s, epoch); status != 200 {
				t.Errorf("status %d", status)
			}
			s.startsWithNewEpoch("board", epoch+"-5")
			s.stop()
		})
	}
}

// A position is not signed, so a client can send one that the server never returned.
func TestFalsePositionsDoNotDisturbOtherReaders(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	lie := func(epoch string) {
		for n := range 20 {
			s.begins("board", fmt.Sprintf("%s-%d", epoch, 999_999_999+n))
			s.ask(http.MethodGet, fmt.Sprintf("/v1/rooms/board/changes?after=%s-%d", epoch, 6+n), nil, "")
		}
	}
	first := epochOf(s.write("board", 5))
	honest := s.read("board", "")
	honest.begins("state")
	lie(first)
	s.write("board", 1)
	honest.reaches(6)
	if epoch := epochOf(s.begins("board", "").id); epoch != first {
		t.Errorf("false positions of a history that this server began have ended it")
	}

	// A server that did not start the history itself cannot distinguish the first false position from a loss.
	s.stop()
	s.start()
	lie(first)
	second := epochOf(s.begins("board", "").id)
	honest = s.read("board", "")
	honest.begins("state")
	lie(second)
	s.write("board", 1)
	honest.reaches(7)
	if epoch := epochOf(s.begins("board", "").id); epoch != second {
		t.Errorf("false positions have ended more than one history of a process")
	}
	s.stop()
}

func TestAnEpochThatIsRotatedByHandRestartsEveryReader(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	id := s.write("board", 5)
	stream, err := s.open(t.Context(), "board", "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.close()
	code, shown, said := s.call("", "epoch", "--database", s.database)
	if code != 0 || strings.TrimSpace(shown) != epochOf(id) {
		t.Errorf("epoch: exit code %d, %q, %q; want %s", code, shown, said, epochOf(id))
	}
	code, rotated, said := s.call("", "epoch", "rotate", "--database", s.database)
	if code != 0 {
		t.Fatalf("epoch rotate: exit code %d, %q", code, said)
	}
	// The stream ends with a problem that has the reason.
	for {
		e, err := stream.next()
		if err != nil {
			t.Fatalf("the stream ended without a problem: %v", err)
		}
		if e.name == "problem" {
			if !strings.Contains(string(e.data), "history_changed") {
				t.Errorf("the stream ends with %s", e.data)
			}
			break
		}
	}
	if epoch := s.startsWithNewEpoch("board", id); !strings.HasSuffix(strings.TrimSpace(rotated), epoch) {
		t.Errorf("the epoch is %s, and %q was printed", epoch, rotated)
	}
	if next := s.write("board", 1); next != epochOf(s.begins("board", "").id)+"-6" {
		t.Errorf("the next batch is %s", next)
	}
	s.stop()
}

func TestAMovedDatabaseFileIsReportedAndUsedAgainAfterItsReturn(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	id := s.write("board", 3)
	moved := s.file + ".moved"
	if err := os.Rename(s.file, moved); err != nil {
		t.Fatal(err)
	}
	// An idle server detects it too.
	s.process.Line(t, s.process.Stderr, "level=ERROR")
	s.ask(http.MethodGet, "/readyz", nil, "").refused(t, 503, "database_unavailable")
	began := time.Now()
	s.ask(http.MethodPost, "/v1/rooms/board/ops", nil, string(batch{ClientID: "c", Key: "default", Ops: []op{{Path: "n", Op: "set", Value: []byte("9")}}}.encode())).
		refused(t, 503, "database_unavailable")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the error response took %s", took)
	}
	s.snapshot("board")
	if err := os.Rename(moved, s.file); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return s.isReady() })
	if next := s.write("board", 1); next != epochOf(id)+"-4" {
		t.Errorf("the next batch is %s", next)
	}
	if b := s.begins("board", id); b.whole {
		t.Error("a reader received the whole state, although nothing has changed")
	}
	if said := s.process.Stderr.String(); strings.Count(said, "level=ERROR") != 1 {
		t.Errorf("want one error in the log:\n%s", said)
	}
	s.stop()
}

func (s *server) isReady() error {
	if r := s.ask(http.MethodGet, "/readyz", nil, ""); r.status != 200 {
		return r.problem()
	}
	return nil
}

func TestNoBatchIsAcknowledgedIntoAFileThatIsNotTheDatabaseAnyMore(t *testing.T) {
	t.Parallel()
	replaced := func(t *testing.T, s *server) {
		backup := filepath.Join(t.TempDir(), "backup.db")
		if _, err := openDatabase(t, s.file).ExecContext(t.Context(), "VACUUM INTO ?", backup); err != nil {
			t.Fatal(err)
		}
		s.write("board", 2)
		if err := os.Rename(backup, s.file); err != nil {
			t.Fatal(err)
		}
	}
	unlinked := func(t *testing.T, s *server) {
		if err := os.Remove(s.file + "-wal"); err != nil {
			t.Fatal(err)
		}
	}
	for name, happens := range map[string]func(*testing.T, *server){
		"an older copy is in its place":   replaced,
		"the write-ahead log was deleted": unlinked,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			s.write("board", 3)
			happens(t, s)
			var acknowledged []string
			eventually(t, func() error {
				a, err := s.api.post(t.Context(), "board", batch{ClientID: "c", Key: "default", Ops: []op{{Path: "n", Op: "set", Value: []byte("1")}}}.encode())
				if err != nil {
					return err
				}
				acknowledged = append(acknowledged, fmt.Sprintf("%s-%d", a.Epoch, a.ServerSeq))
				return nil
			})
			acknowledged = append(acknowledged, s.write("board", 2))
			s.kill()
			s.start()
			deltas, err := s.history(t.Context(), "board")
			if err != nil {
				t.Fatal(err)
			}
			last := fmt.Sprintf("%s-%d", epochOf(s.begins("board", "").id), len(deltas))
			if !slices.Contains(acknowledged, last) {
				t.Errorf("%q were acknowledged, and after a crash the last is %s", acknowledged, last)
			}
			s.stop()
		})
	}
}
