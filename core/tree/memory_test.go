package tree

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core/path"
)

// shapes are documents of about a megabyte that differ in how much memory they take for a byte of text.
var shapes = map[string]func() string{
	"long texts": func() string {
		return `{"a":"` + strings.Repeat("x", 500_000) + `","b":"` + strings.Repeat("y", 500_000) + `"}`
	},
	"numbers":          func() string { return `[` + strings.Repeat("1,", 500_000) + `1]` },
	"nested arrays":    func() string { return `{"a":[` + strings.Repeat("[[1],[]],", 100_000) + `[]]}` },
	"members":          func() string { return members(100_000, "1") },
	"empty objects":    func() string { return members(80_000, "{}") },
	"empty arrays":     func() string { return members(80_000, "[]") },
	"mixed array":      func() string { return `[{},` + strings.Repeat("1,", 500_000) + `1]` },
	"items":            func() string { return items(20_000, `"text":"some words","done":false`) },
	"items of an item": func() string { return items(20_000, `"subs":[]`) },
	"few members":      func() string { return items(20_000, `"a":1,"b":2`) },
	"many items in one": func() string {
		return `{"a":{"b":{"c":` + items(20_000, `"at":{"x":1.5,"y":-2.25}`) + `}}}`
	},
}

func members(n int, value string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":%s`, i, value)
	}
	return "{" + b.String()[1:] + "}"
}

func items(n int, more string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,{"_sync_id":"item-%d",%s}`, i, more)
	}
	return "[" + b.String()[1:] + "]"
}

func TestMemoryEstimateIsCloseToAllocation(t *testing.T) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			text := []byte(shape())
			before := live()
			d, err := LoadDocument(text)
			if err != nil {
				t.Fatal(err)
			}
			took := live() - before
			estimate := d.Memory()
			t.Logf("%.1f bytes for a byte of text; estimated %.2f of it", float64(took)/float64(len(text)), float64(estimate)/float64(took))
			if r := float64(estimate) / float64(took); r < 0.7 || r > 1.6 {
				t.Errorf("estimated are %d bytes, and allocated %d", estimate, took)
			}
			runtime.KeepAlive(d)
			runtime.KeepAlive(text)
		})
	}
}

func live() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestMemoryEstimateFollowsChangesAndRollback(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	d, err := LoadDocument([]byte(`{"items":[],"members":{},"plain":[1,2]}`))
	if err != nil {
		t.Fatal(err)
	}
	d.Memory()
	check := func(when string) {
		t.Helper()
		var fresh *Document
		if fresh, err = LoadDocument(d.AppendJSON(nil)); err != nil {
			t.Fatal(err)
		}
		// A container that has shrunk may still be a tree where a new one is a slice.
		if got, want := d.Memory(), fresh.Memory(); got < want || got > want*2 {
			t.Fatalf("%s: %d bytes, and anew %d", when, got, want)
		}
		if got, want := d.Memory(), measure(d.root); got != want {
			t.Fatalf("%s: the estimate is %d bytes, and the sum of all values %d", when, got, want)
		}
	}
	for range 300 {
		before := d.Memory()
		d.Begin()
		for range 1 + random.IntN(40) {
			applyRandom(t, d, random)
		}
		check("changed")
		d.Rollback()
		check("rolled back")
		if after := d.Memory(); after < before*9/10 || after > before*2 {
			t.Fatalf("%d bytes before, and %d after a rollback", before, after)
		}
		applyRandom(t, d, random)
		check("applied")
	}
}

// measure estimates the memory of a value without its stored estimates.
func measure(v Value) int {
	switch c := v.(type) {
	case *Object:
		n := containerMemory
		for key, m := range c.all() {
			n += c.costOf(key) + measure(m)
		}
		return n
	case *Array:
		n := containerMemory + len(c.flat)
		for _, e := range c.plain {
			n += elementMemory + measure(e)
		}
		for key, m := range c.all() {
			n += c.costOf(key) + measure(m)
		}
		return n
	}
	return Memory(v)
}

func (s *ordered) costOf(key string) int { return s.entryMemory(key, Null{}) }

func applyRandom(t *testing.T, d *Document, random *rand.Rand) {
	t.Helper()
	id := fmt.Sprint("i", random.IntN(60))
	op := Op{Kind: Set, Path: pathOf(t, "members.k"+fmt.Sprint(random.IntN(60))), Index: NoIndex}
	switch random.IntN(5) {
	case 0:
		op.Value = valueOf(t, `{"x":[1,2,3],"y":{"z":"text"}}`)
	case 1:
		op.Kind = Delete
	case 2:
		op.Kind, op.Path, op.Value = ArrayAdd, pathOf(t, "items"), valueOf(t, `{"_sync_id":"`+id+`","n":1}`)
	case 3:
		op.Kind, op.Path = ArrayDelete, pathOf(t, "items["+id+"]")
	default:
		op.Path, op.Value = pathOf(t, "items["+id+"].more.deep"), valueOf(t, `[1,{"_sync_id":"q"},"x"]`)
	}
	d.Apply(op, 0)
}

func valueOf(t *testing.T, text string) Value {
	t.Helper()
	v, err := ParseStored([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func pathOf(t *testing.T, text string) path.Path {
	t.Helper()
	p, err := path.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
