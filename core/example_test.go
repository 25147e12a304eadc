package core_test

import (
	"context"
	"fmt"
	"log"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/presence"
	"github.com/pathsync/pathsync/core/tree"
)

// printer prints the events of a room. A server frames them and appends them to the room's feed.
type printer struct{}

func (printer) Committed(batches []*core.Batch) {
	for _, b := range batches {
		fmt.Printf("batch %d of %s: %s %s = %s\n", b.ServerSeq, b.ClientID, b.Ops[0].Kind, b.Ops[0].Path, b.Ops[0].Value)
	}
}
func (printer) PresenceChanged(presence.Change) {}
func (printer) Replaced(string)                 {}
func (printer) Bytes() int                      { return 0 }
func (printer) Closed(error)                    {}

func listen(_, _ string, _ int64) core.Listener { return printer{} }

// set returns a batch that sets one path.
func set(clientSeq int64, at, json string) *core.Proposal {
	p, err := path.Parse(at)
	if err != nil {
		log.Fatal(err)
	}
	value, err := tree.Parse([]byte(json), tree.MaxValueDepth)
	if err != nil {
		log.Fatal(err)
	}
	return &core.Proposal{Key: "default", ClientID: "ann", ClientSeq: clientSeq, Ops: []core.ProposedOp{{
		Op: tree.Op{Kind: tree.Set, Path: p, Value: value, Index: tree.NoIndex}, PathText: at, ValueText: tree.Text(value),
	}}}
}

// A client submits a batch and, because it did not get the response, submits it again.
func Example() {
	ctx := context.Background()
	hub := core.NewHub(core.Config{Store: memstore.New(), Listen: listen})
	defer hub.Close(ctx)

	room, release, err := hub.Room(ctx, "board-7")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer release()
	for range 2 {
		answer, err := room.Submit(ctx, set(1, "plan.title", `"Launch"`))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("serverSeq", answer.Batch.ServerSeq, "duplicate", answer.Duplicate)
	}
	room.View(func(v core.View) {
		json, seq, _ := v.Document("default")
		fmt.Println(string(json), "as of", seq)
	})
	// Output:
	// batch 1 of ann: set plan.title = "Launch"
	// serverSeq 1 duplicate false
	// serverSeq 1 duplicate true
	// {"plan":{"title":"Launch"}} as of 1
}

// Two clients open streams, and one of them closes its page.
func ExampleRoom_Connect() {
	ctx := context.Background()
	hub := core.NewHub(core.Config{Store: memstore.New(), Listen: listen})
	defer hub.Close(ctx)
	room, release, err := hub.Room(ctx, "board-7")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer release()

	for _, name := range []string{"ann", "ben"} {
		stream, err := room.Connect(ctx, core.Connection{ClientID: name, DisplayName: name})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer room.Disconnect(name, stream)
	}
	if err := room.Leave("ben", ""); err != nil {
		fmt.Println(err)
		return
	}
	var users *core.UserList
	room.View(func(v core.View) {
		users = v.Users(func(dst []byte, u *presence.User) []byte { return append(dst, u.ClientID...) })
	})
	fmt.Println(string(users.Next()))
	// Output: ,ann
}
