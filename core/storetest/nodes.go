package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
)

var nodeTests = []subtest{
	{"NodeComesBackAndIsReplaced", func(t *testing.T, store core.Store) {
		first, second := id(t, "1"), id(t, "2")
		mustSaveNode(t, store, core.Node{ID: second})
		for _, node := range []core.Node{
			{ID: first, Status: core.NodeStatus{Rooms: 1_000_000, Streams: 2_000_000, TailLagMs: 1 << 50, Bus: true}},
			{ID: first, Address: "10.0.0.1:7000", Version: "v1.2.3", Epoch: store.Epoch(), Protocol: 3, Oldest: 2, Age: time.Hour},
			{ID: first, Address: "10.0.0.2:7000", Version: "v1.2.4", Epoch: "another", Protocol: 4, Oldest: 3, Draining: true},
		} {
			mustSaveNode(t, store, node)
			node.Age = 0
			if got := nodesOf(t, store); !slices.Equal(got, []core.Node{node, {ID: second}}) {
				t.Errorf("got %+v, want %+v first", got, node)
			}
		}
		mustRemove(t, store, first, second)
	}},
	{"RemovedNodesAreGone", func(t *testing.T, store core.Store) {
		ids := make([]string, 0, 3)
		for n := range 3 {
			ids = append(ids, id(t, fmt.Sprint(n)))
			mustSaveNode(t, store, core.Node{ID: ids[n]})
		}
		mustRemove(t, store)
		mustRemove(t, store, ids[0], ids[2], id(t, "absent"))
		if got := nodesOf(t, store); !slices.Equal(got, []core.Node{{ID: ids[1]}}) {
			t.Errorf("got %+v", got)
		}
		mustRemove(t, store, ids...)
		if got := nodesOf(t, store); len(got) != 0 {
			t.Errorf("got %+v", got)
		}
	}},
	{"SavingANodeIsItsHeartbeat", func(t *testing.T, store core.Store) {
		node := id(t, "1")
		mustSaveNode(t, store, core.Node{ID: node})
		for age(t, store, node) < 20*time.Millisecond { // the test's own limit ends this
		}
		grown := age(t, store, node)
		mustSaveNode(t, store, core.Node{ID: node})
		if now := age(t, store, node); now >= grown {
			t.Errorf("the age was %v, and is %v after a heartbeat", grown, now)
		}
		mustRemove(t, store, node)
	}},
}

// id is the name of a node of a test. Other tests may use the database.
func id(t *testing.T, name string) string {
	parts := strings.Split(t.Name(), "/")
	return parts[len(parts)-1] + "/" + name
}

func mustSaveNode(t *testing.T, store core.Store, node core.Node) {
	t.Helper()
	if err := store.SaveNode(t.Context(), node); err != nil {
		t.Fatalf("SaveNode: %v", err)
	}
}

func mustRemove(t *testing.T, store core.Store, ids ...string) {
	t.Helper()
	if err := store.RemoveNodes(t.Context(), ids...); err != nil {
		t.Fatalf("RemoveNodes: %v", err)
	}
}

// nodesOf returns the nodes of a test without their ages, which it checks.
func nodesOf(t *testing.T, store core.Store) (nodes []core.Node) {
	t.Helper()
	all, err := store.Nodes(t.Context())
	if err != nil {
		t.Fatalf("Nodes: %v", err)
	}
	for _, n := range all {
		if !strings.HasPrefix(n.ID, id(t, "")) {
			continue
		}
		if n.Age < 0 || n.Age > time.Minute {
			t.Errorf("the age of %s is %v", n.ID, n.Age)
		}
		n.Age = 0
		nodes = append(nodes, n)
	}
	return nodes
}

func age(t *testing.T, store core.Store, node string) time.Duration {
	t.Helper()
	all, err := store.Nodes(t.Context())
	if err != nil {
		t.Fatalf("Nodes: %v", err)
	}
	for _, n := range all {
		if n.ID == node {
			return n.Age
		}
	}
	t.Fatalf("%s is missing", node)
	return 0
}
