package dbtest

import (
	"fmt"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// WorkloadRooms is the number of rooms of a Workload.
const WorkloadRooms = 100

// WorkloadClients is the number of clients of a Workload.
const WorkloadClients = 200

// Workload generates the load of the benchmarks: batches of one operation, from many clients in many rooms.
type Workload struct {
	n    int
	next [WorkloadRooms]int64
}

// Group returns the next batches.
func (w *Workload) Group(size int) []*core.Batch {
	group := make([]*core.Batch, size)
	for i := range group {
		room := w.n % WorkloadRooms
		w.n++
		w.next[room]++
		group[i] = &core.Batch{
			Room: fmt.Sprint("board-", room), Key: "default", ServerSeq: w.next[room], ServerTs: 1_767_225_600_000,
			ClientID: fmt.Sprintf("3f0c6c3e-7a8a-4c1e-9d0b-%012d", w.n%WorkloadClients), ClientSeq: int64(w.n),
			Ops: []core.LoggedOp{{
				Kind: tree.Set, Path: fmt.Sprintf("tasks[9b2d%06d].title", w.n), Value: `"some words typed by a person"`,
				Index: tree.NoIndex,
			}},
		}
	}
	return group
}
