package tree_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// itemsText is an array of n items as an application has them.
func itemsText(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"_sync_id":"0b54dd6c-2c5a-4d3a-9d51-%012d","title":"Buy milk and bread","done":false,"rank":%d,"note":null}`,
			i, i)
	}
	return "[" + b.String()[1:] + "]"
}

func itemID(i int) string { return fmt.Sprintf("0b54dd6c-2c5a-4d3a-9d51-%012d", i) }

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		d, err := tree.LoadDocument([]byte(`{"tasks":` + itemsText(n) + "}"))
		if err != nil {
			b.Fatal(err)
		}
		tasks := path.Path{{Name: "tasks"}}
		items := make([]path.Path, n)
		for i := range items {
			items[i] = path.Path{{Name: "tasks"}, {Name: itemID(i), Item: true}}
		}
		apply := func(b *testing.B, op tree.Op) {
			if reason, _ := d.Apply(op, 8<<30); reason != tree.Applied {
				b.Fatal(reason)
			}
		}
		next := 0
		item := func() path.Path {
			next = (next + 7919) % n // jumps about, as edits do
			return items[next]
		}
		b.Run(fmt.Sprintf("set/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			title := path.Segment{Name: "title"}
			p := make(path.Path, 3)
			for b.Loop() {
				copy(p, item())
				p[2] = title
				apply(b, tree.Op{Kind: tree.Set, Path: p, Value: tree.String("Buy honey"), Index: tree.NoIndex})
			}
		})
		b.Run(fmt.Sprintf("array_move/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				apply(b, tree.Op{Kind: tree.ArrayMove, Path: item(), Index: i * 31 % n})
			}
		})
		b.Run(fmt.Sprintf("array_add_first_and_array_del/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			value := mustParse(b, `{"_sync_id":"new","title":"Buy honey"}`)
			added := path.Path{{Name: "tasks"}, {Name: "new", Item: true}}
			for b.Loop() {
				apply(b, tree.Op{Kind: tree.ArrayAdd, Path: tasks, Value: value, Index: 0})
				apply(b, tree.Op{Kind: tree.ArrayDelete, Path: added, Index: tree.NoIndex})
			}
		})
		b.Run(fmt.Sprintf("trial_and_rollback/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d.Begin()
				apply(b, tree.Op{Kind: tree.ArrayMove, Path: item(), Index: i * 31 % n})
				d.Rollback()
			}
		})
	}
}

func BenchmarkSetMember(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		paths := make([]path.Path, n)
		for i := range n {
			paths[i] = path.Path{{Name: "member" + strconv.Itoa(i)}}
		}
		d, err := tree.LoadDocument([]byte(membersText(n)))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d.Apply(tree.Op{Kind: tree.Set, Path: paths[i*7919%n], Value: tree.Bool(true), Index: tree.NoIndex}, 0)
			}
		})
	}
}

var benchmarkTexts = []struct{ name, text string }{
	{"op", `{"path":"tasks[0b54dd6c-2c5a-4d3a-9d51-5f1f1f3c7a10].title","op":"set","value":"Buy milk and bread"}`},
	{"items/1000", itemsText(1000)},
	{"items/100000", itemsText(100_000)},
	{"members/10000", membersText(10_000)},
	{"members/1000000", membersText(1_000_000)},
	{"numbers", "[" + strings.Repeat("12345.678,-1,0,", 10_000) + "1]"},
	{"string", `"` + strings.Repeat("Żółć, or any other text, with \\n and \\\" at times. ", 2000) + `"`},
}

// membersText is an object of n members.
func membersText(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"member%d":%d`, i, i)
	}
	return "{" + b.String()[1:] + "}"
}

func BenchmarkParse(b *testing.B) {
	for _, bm := range benchmarkTexts {
		text := []byte(bm.text)
		b.Run(bm.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tree.ParseStored(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, bm := range benchmarkTexts {
		b.Run(bm.name, func(b *testing.B) {
			v := mustParse(b, bm.text)
			buffer := make([]byte, 0, v.Size())
			b.SetBytes(int64(v.Size()))
			b.ReportAllocs()
			for b.Loop() {
				buffer = tree.AppendJSON(buffer[:0], v)
			}
		})
	}
}
