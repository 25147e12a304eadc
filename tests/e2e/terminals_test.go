package e2e

import (
	"fmt"
	"net/http"
	"os"
	"testing"
)

func TestTwoTerminalsSeeEachOtherAndResumeAfterAKill(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	ann, ben := s.read("board", ""), s.read("board", "")
	ann.begins()
	ben.begins()

	s.set("board", "title", `"Launch"`)
	s.post("board", batch{ClientID: "ben", ClientSeq: 1, Key: "notes", Ops: []op{
		{Path: "tasks", Op: "array_add", Value: []byte(`{"text":"by Ben"}`)},
	}})
	ann.reaches(2)
	ben.reaches(2)
	s.sameState(ann.replica)
	s.sameState(ben.replica)
	epoch := ann.replica.epoch

	s.kill()
	ann.broken()
	ben.broken()
	s.start()

	s.set("board", "title", `"Lift-off"`) // while no stream is open
	ann = s.resume("board", "", ann.replica)
	ann.begins("delta")
	s.set("board", "done", `true`)
	ben = s.resume("board", "", ben.replica)
	ben.begins("delta", "delta")
	ann.reaches(4)

	for _, r := range []*reader{ann, ben} {
		s.sameState(r.replica)
		if r.replica.epoch != epoch || r.replica.starts != 1 || len(r.replica.deltas) != 4 {
			t.Errorf("a reader of %s is at %s after %d deltas and %d starts",
				epoch, r.replica.position(), len(r.replica.deltas), r.replica.starts)
		}
	}
}

func TestAWipedDatabaseBeginsAnotherHistory(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	lost := s.read("board", "")
	for i := range 3 {
		s.set("board", "n", fmt.Sprint(i))
	}
	lost.reaches(3)
	old := lost.replica.position()

	s.kill()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(s.file + suffix); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	s.start()

	s.ask(http.MethodGet, "/v1/rooms/board/changes?after="+old, nil, "").refused(t, http.StatusGone, "position_gone")
	lost = s.resume("board", "", lost.replica)
	lost.begins() // without documents, because the database is empty
	if epoch := lost.replica.epoch; epoch+"-3" == old || lost.replica.seq != 0 || len(lost.replica.docs) != 0 {
		t.Errorf("after %s the reader is at %s with %d documents", old, lost.replica.position(), len(lost.replica.docs))
	}

	s.set("board", "n", "7")
	lost.reaches(1)
	late := s.readFrom("board", "", old, newReplica("board"))
	late.begins("state")
	s.sameState(lost.replica)
	s.sameState(late.replica)
}
