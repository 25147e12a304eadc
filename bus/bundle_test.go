package bus

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pathsync/pathsync/core/bustest"
)

func TestMessagesWithOneAddressAreSentTogetherAndInOrder(t *testing.T) {
	to := func(subject string) address { return address{subject: subject} }
	long := []byte(strings.Repeat("x", 90))
	queue := []outgoing{{to("a"), 1, []byte("one")}, {to("b"), 2, nil}, {to("a"), 3, long}, {to("a"), 4, []byte("four")}, {to("c"), 5, bytes.Repeat(long, 2)}, {to("b"), 6, []byte("six")}}
	var got []string
	for _, m := range bundlesOf(queue, 120) {
		var parts []string
		if why := unbundle(m.data, func(id uint64, data []byte) { parts = append(parts, fmt.Sprintf("%d:%d", id, len(data))) }); why != "" {
			t.Fatal(why)
		}
		got = append(got, m.to.subject+" "+strings.Join(parts, " "))
	}
	if want := []string{"a 1:3 3:90", "b 2:0 6:3", "a 4:4", "c 5:180"}; !slices.Equal(got, want) {
		t.Errorf("bundles %q, want %q", got, want)
	}
}

func TestBundleThatIsCutIsMalformed(t *testing.T) {
	whole := bundlesOf([]outgoing{{id: 300, data: []byte("data")}, {id: 301, data: []byte("more")}}, 1000)[0].data
	for end := range len(whole) {
		taken := 0
		why := unbundle(whole[:end], func(uint64, []byte) { taken++ })
		if complete := end == 0 || end == len(whole)/2; complete != (why == "") {
			t.Errorf("%d of %d bytes: %q", end, len(whole), why)
		}
	}
	if why := unbundle([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, func(uint64, []byte) { t.Error("taken") }); why != malformed {
		t.Errorf("a length beyond all memory: %q", why)
	}
}

func FuzzUnbundle(f *testing.F) {
	f.Add(bundlesOf([]outgoing{{id: 1, data: []byte("data")}}, 100)[0].data)
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		unbundle(data, func(_ uint64, part []byte) { total += len(part) })
		if total > len(data) {
			t.Errorf("%d bytes from %d", total, len(data))
		}
	})
}

// Each of many concurrent requests gets its own response, and a panic or a response to one does not concern the others.
func TestConcurrentRequestsGetTheirResponses(t *testing.T) {
	t.Parallel()
	buses := openEmbedded(t, 2)
	buses[1].Handle("echo", func(_ string, data []byte, respond func([]byte)) {
		if string(data) == "50" {
			panic("fifty")
		}
		respond(data)
		respond([]byte("again"))
	})
	bustest.Connect(t, asCore(buses)...)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			question := fmt.Sprint(i)
			if question == "50" {
				cancel() // it panics
			}
			if got, err := buses[0].Request(ctx, buses[1].Server(), "echo", []byte(question)); question != "50" && (err != nil || string(got) != question) {
				t.Errorf("%d: the response is %q: %v", i, got, err)
			}
		})
	}
	all.Wait()
}
