package bustest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
)

// Run tests a core.Bus. open returns servers that are about to be connected to each other; they are closed by t.Cleanup. The bus
// must not lose messages without cause.
func Run(t *testing.T, open func(t *testing.T, servers int) []core.Bus) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, open func(t *testing.T, servers int) []core.Bus)
	}{
		{"ServersHaveDifferentNames", differentNames},
		{"PublishedMessageReachesAllOthersOfItsTopic", publishReachesOthers},
		{"MessagesOfOneSenderArriveInOrder", senderOrder},
		{"MessageOfTheMaximumSizeArrivesAndALargerOneDoesNot", messageSize},
		{"HandlerOwnsItsData", ownData},
		{"HandlerMayPublish", handlerPublishes},
		{"RequestIsAnsweredByItsServerOnly", requestAnswered},
		{"ResponseMayBeEmptyOrComeLater", responses},
		{"RequestToAServerThatDoesNotExistFailsAtOnce", unknownServer},
		{"RequestWithoutAResponseEndsWithItsContext", requestTimesOut},
		{"ConcurrentRequestsGetTheirOwnResponses", concurrentRequests},
		{"ClosedServerGivesNoAnswer", closedServer},
		{"CloseEndsPendingRequests", closePending},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open) })
	}
}

// patience limits every wait of the suite.
const patience = 30 * time.Second

// Connect waits until every server answers every other. Handlers that were set before the call are then known to all.
func Connect(t *testing.T, buses ...core.Bus) {
	t.Helper()
	const topic = "connect"
	for _, b := range buses {
		b.Handle(topic, func(_ string, _ []byte, respond func([]byte)) { respond(nil) })
	}
	for _, from := range buses {
		for _, to := range buses {
			if from == to {
				continue
			}
			Eventually(t, "a server answers another", func() bool {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := from.Request(ctx, to.Server(), topic, nil)
				return err == nil
			})
		}
	}
}

// Eventually waits until a condition is met, and fails the test after 30 s.
func Eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited %s in vain until %s", patience, what)
		}
	}
}

// inbox collects what handlers receive.
type inbox struct {
	mu       sync.Mutex
	messages []string
}

func (i *inbox) handle(from string, data []byte, _ func([]byte)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.messages = append(i.messages, from+": "+string(data))
}

func (i *inbox) all() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.messages)
}

func differentNames(t *testing.T, open func(*testing.T, int) []core.Bus) {
	names := map[string]bool{}
	for _, b := range open(t, 3) {
		names[b.Server()] = true
		if b.Server() == "" || b.MaxMessage() < 64<<10 {
			t.Errorf("server %q transports messages of %d bytes", b.Server(), b.MaxMessage())
		}
	}
	if len(names) != 3 {
		t.Errorf("three servers have the names %v", names)
	}
}

func publishReachesOthers(t *testing.T, open func(*testing.T, int) []core.Bus) {
	buses := open(t, 3)
	news, other := make([]inbox, 3), make([]inbox, 3)
	for i, b := range buses {
		b.Handle("news", news[i].handle)
		b.Handle("other", other[i].handle)
	}
	Connect(t, buses...)
	buses[0].Publish("news", []byte("hello"))
	buses[0].Publish("nobody", []byte("lost"))
	buses[0].Publish("other", []byte("end"))
	want := []string{buses[0].Server() + ": hello"}
	for i := 1; i < 3; i++ {
		Eventually(t, "both messages have arrived", func() bool { return len(other[i].all()) == 1 && len(news[i].all()) == 1 })
		if got := news[i].all(); !slices.Equal(got, want) {
			t.Errorf("server %d received %q, not %q", i, got, want)
		}
	}
	if got := append(news[0].all(), other[0].all()...); len(got) > 0 {
		t.Errorf("the sender received %q", got)
	}
}

func senderOrder(t *testing.T, open func(*testing.T, int) []core.Bus) {
	const messages = 2000
	buses := open(t, 3)
	var box inbox
	buses[0].Handle("count", box.handle)
	Connect(t, buses...)
	var senders sync.WaitGroup
	for _, b := range buses[1:] {
		senders.Go(func() {
			for i := range messages {
				b.Publish("count", fmt.Append(nil, i))
			}
		})
	}
	senders.Wait()
	Eventually(t, "all messages have arrived", func() bool { return len(box.all()) == 2*messages })
	next := map[string]int{}
	for _, m := range box.all() {
		for _, b := range buses[1:] {
			if m == fmt.Sprintf("%s: %d", b.Server(), next[b.Server()]) {
				next[b.Server()]++
				break
			}
		}
	}
	for _, b := range buses[1:] {
		if next[b.Server()] != messages {
			t.Errorf("message %d of a sender is not in order", next[b.Server()])
		}
	}
}

func messageSize(t *testing.T, open func(*testing.T, int) []core.Bus) {
	buses := open(t, 2)
	sizes := make(chan int, 8)
	buses[1].Handle("size", func(_ string, data []byte, respond func([]byte)) {
		sizes <- len(data)
		respond(data)
	})
	Connect(t, buses...)
	largest := bytes.Repeat([]byte("x"), buses[0].MaxMessage())
	buses[0].Publish("size", append(largest, 'x'))
	buses[0].Publish("size", largest)
	buses[0].Publish("size", nil)
	for _, want := range []int{len(largest), 0} {
		if got := <-sizes; got != want {
			t.Errorf("a message of %d bytes arrived, not one of %d", got, want)
		}
	}
	response, err := buses[0].Request(within(t, patience), buses[1].Server(), "size", largest)
	if err != nil || !bytes.Equal(response, largest) {
		t.Errorf("the response to the largest request has %d bytes: %v", len(response), err)
	}
	if _, err := buses[0].Request(within(t, patience), buses[1].Server(), "size", append(largest, 'x')); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a request above the limit: %v", err)
	}
}

func ownData(t *testing.T, open func(*testing.T, int) []core.Bus) {
	buses := open(t, 3)
	received := make(chan string, 2)
	for _, b := range buses[1:] {
		b.Handle("own", func(_ string, data []byte, _ func([]byte)) {
			text := string(data)
			clear(data)
			received <- text
		})
	}
	Connect(t, buses...)
	data := []byte("data")
	buses[0].Publish("own", data)
	for range 2 {
		if got := <-received; got != "data" {
			t.Errorf("a server received %q", got)
		}
	}
	if string(data) != "data" {
		t.Errorf("the sender's data became %q", data)
	}
}

func handlerPublishes(t *testing.T, open func(*testing.T, int) []core.Bus) {
	buses := open(t, 2)
	done := make(chan struct{})
	for _, b := range buses {
		b.Handle("ball", func(_ string, data []byte, _ func([]byte)) {
			if data[0] == 0 {
				close(done)
				return
			}
			data[0]--
			b.Publish("ball", data)
		})
	}
	Connect(t, buses...)
	buses[0].Publish("ball", []byte{100})
	wait(t, done)
}

func requestAnswered(t *testing.T, open func(*testing.T, int) []core.Bus) {
	buses := open(t, 3)
	for i, b := range buses {
		b.Handle("who", func(from string, data []byte, respond func([]byte)) {
			respond(fmt.Appendf(nil, "%d answers %s of %s", i, data, from))
			respond([]byte("again"))
		})
	}
	Connect(t, buses...)
	for to := 1; to < 3; to++ {
		got, err := buses[0].Request(within(t, patience), buses[to].Server(), "who", []byte("question"))
		if want := fmt.Sprintf("%d answers question of %s", to, buses[0].Server()); err != nil || string(got) != want {
			t.Errorf("the response is %q, not %q: %v", got, want, err)
		}
	}
}

func responses(t *testing.T, open func(*testing.T, int) []core.Bus) {
	buses := open(t, 2)
	buses[1].Handle("empty", func(_ string, _ []byte, respond func([]byte)) { respond(nil) })
	buses[1].Handle("later", func(_ string, _ []byte, respond func([]byte)) { go respond([]byte("later")) })
	Connect(t, buses...)
	for topic, want := range map[string]string{"empty": "", "later": "later"} {
		got, err := buses[0].Request(within(t, patience), buses[1].Server(), topic, nil)
		if err != nil || string(got) != want {
			t.Errorf("%s: the response is %q: %v", topic, got, err)
		}
	}
}

func unknownServer(t *testing.T, open func(*testing.T, int) []core.Bus) {
	buses := open(t, 2)
	Connect(t, buses...)
	b := buses[0]
	unknown := []byte(buses[1].Server())
	slices.Reverse(unknown)
	for name, server := range map[string]string{"unknown": string(unknown), "no name": "", "itself": b.Server(), "invalid": "a.> *"} {
		if _, err := b.Request(within(t, patience), server, "connect", nil); !errors.Is(err, core.ErrNoAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.Request(within(t, patience), buses[1].Server(), "no-handler", nil); !errors.Is(err, core.ErrNoAnswer) {
		t.Errorf("a topic without a handler: %v", err)
	}
}

func requestTimesOut(t *testing.T, open func(*testing.T, int) []core.Bus) {
	buses := open(t, 2)
	received := make(chan func([]byte), 1)
	buses[1].Handle("silent", func(_ string, _ []byte, respond func([]byte)) { received <- respond })
	Connect(t, buses...)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		respond := <-received
		cancel()
		respond([]byte("too late"))
	}()
	// The response may arrive before the context's end is noticed.
	if data, err := buses[0].Request(ctx, buses[1].Server(), "silent", nil); !errors.Is(err, context.Canceled) && string(data) != "too late" {
		t.Errorf("a cancelled request: %q, %v", data, err)
	}
	if _, err := buses[0].Request(within(t, 20*time.Millisecond), buses[1].Server(), "silent", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a request without a response: %v", err)
	}
}

func concurrentRequests(t *testing.T, open func(*testing.T, int) []core.Bus) {
	buses := open(t, 3)
	for _, b := range buses {
		b.Handle("echo", func(_ string, data []byte, respond func([]byte)) { respond(data) })
	}
	Connect(t, buses...)
	var requests sync.WaitGroup
	for i := range 300 {
		requests.Go(func() {
			from, to := buses[i%3], buses[(i+1)%3]
			want := fmt.Sprint(i)
			if got, err := from.Request(within(t, patience), to.Server(), "echo", []byte(want)); err != nil || string(got) != want {
				t.Errorf("the response to %q is %q: %v", want, got, err)
			}
		})
	}
	requests.Wait()
}

type closer interface{ Close() }

func closedServer(t *testing.T, open func(*testing.T, int) []core.Bus) {
	buses := open(t, 3)
	var box inbox
	buses[2].Handle("still", box.handle)
	Connect(t, buses...)
	name := buses[1].Server()
	buses[1].(closer).Close()
	Eventually(t, "requests to the closed server fail at once", func() bool {
		_, err := buses[0].Request(within(t, time.Second), name, "connect", nil)
		return errors.Is(err, core.ErrNoAnswer)
	})
	buses[1].Publish("still", []byte("closed"))
	if _, err := buses[1].Request(within(t, patience), buses[0].Server(), "connect", nil); !errors.Is(err, core.ErrNoAnswer) {
		t.Errorf("a request of a closed server: %v", err)
	}
	if buses[1].Healthy() {
		t.Error("a closed server is healthy")
	}
	buses[0].Publish("still", []byte("open"))
	Eventually(t, "the open servers reach each other", func() bool { return len(box.all()) > 0 })
	if want := []string{buses[0].Server() + ": open"}; !slices.Equal(box.all(), want) {
		t.Errorf("%q arrived, not %q", box.all(), want)
	}
}

func closePending(t *testing.T, open func(*testing.T, int) []core.Bus) {
	buses := open(t, 2)
	received := make(chan struct{})
	buses[1].Handle("silent", func(string, []byte, func([]byte)) { close(received) })
	Connect(t, buses...)
	result := make(chan error, 1)
	go func() {
		_, err := buses[0].Request(within(t, patience), buses[1].Server(), "silent", nil)
		result <- err
	}()
	wait(t, received)
	buses[0].(closer).Close()
	if err := <-result; !errors.Is(err, core.ErrNoAnswer) {
		t.Errorf("the request ended with %v", err)
	}
}

func within(t *testing.T, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit)
	t.Cleanup(cancel)
	return ctx
}

func wait(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("waited in vain")
	}
}
