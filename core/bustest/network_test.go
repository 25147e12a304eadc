package bustest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/bustest"
)

func TestNetworkIsABus(t *testing.T) {
	bustest.Run(t, func(t *testing.T, servers int) []core.Bus {
		network := bustest.NewNetwork(bustest.Options{})
		buses := make([]core.Bus, servers)
		for i := range buses {
			b := network.Join(fmt.Sprint("server-", i))
			t.Cleanup(b.Close)
			buses[i] = b
		}
		return buses
	})
}

// transcript returns what b receives when a sends the numbers from 0 to 99.
func transcript(seed uint64, faults bustest.Faults) (received []string, lost int) {
	network := bustest.NewNetwork(bustest.Options{Seed: seed})
	network.SetFaults(faults)
	a, b := network.Join("a"), network.Join("b")
	b.Handle("numbers", func(_ string, data []byte, _ func([]byte)) { received = append(received, string(data)) })
	for i := range 100 {
		a.Publish("numbers", fmt.Append(nil, i))
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Minute)
	a.Close()
	b.Close()
	return received, network.Lost()
}

func numbers() (all []string) {
	for i := range 100 {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func TestFaultsAffectMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const delay = 10 * time.Millisecond
		if got, lost := transcript(1, bustest.Faults{MinDelay: delay, MaxDelay: 3 * delay}); !slices.Equal(got, numbers()) || lost != 0 {
			t.Errorf("delayed messages arrive as %v", got)
		}
		got, lost := transcript(1, bustest.Faults{Loss: 0.3})
		if len(got)+lost < 100 || lost == 0 || len(got) < 50 {
			t.Errorf("%d of 100 messages arrive, and %d are lost", len(got), lost)
		}
		if got, _ := transcript(1, bustest.Faults{Duplication: 0.3}); len(got) < 110 || !slices.Equal(slices.Compact(got), numbers()) {
			t.Errorf("duplicated messages arrive as %v", got)
		}
		got, _ = transcript(1, bustest.Faults{Reordering: 0.3, Late: 5 * delay})
		if slices.Equal(got, numbers()) {
			t.Error("no message was overtaken")
		}
		slices.Sort(got)
		if want := numbers(); len(got) != len(want) {
			t.Errorf("%d of 100 reordered messages arrive", len(got))
		}
	})
}

func TestSeedRepeatsFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults := bustest.Faults{Loss: 0.1, Duplication: 0.1, Reordering: 0.1, MaxDelay: 20 * time.Millisecond, Late: time.Second}
		first, _ := transcript(7, faults)
		second, _ := transcript(7, faults)
		other, _ := transcript(8, faults)
		if !slices.Equal(first, second) {
			t.Errorf("the same seed gave %v and %v", first, second)
		}
		if slices.Equal(first, other) {
			t.Error("two seeds gave the same faults")
		}
	})
}

func TestCutOfOneDirectionIsNoticedByBothServersAfter3s(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := bustest.NewNetwork(bustest.Options{})
		a, b, c := network.Join("a"), network.Join("b"), network.Join("c")
		received := make(chan string, 10)
		for _, bus := range []*bustest.Bus{a, b, c} {
			bus.Handle("news", func(from string, data []byte, respond func([]byte)) {
				received <- bus.Server() + " from " + from
				respond(data)
			})
		}
		healthy := func() string { return fmt.Sprint(a.Healthy(), b.Healthy(), c.Healthy()) }

		network.Cut("a", "b")
		a.Publish("news", nil)
		b.Publish("news", nil)
		synctest.Wait()
		close(received)
		var all []string
		for r := range received {
			all = append(all, r)
		}
		slices.Sort(all)
		if got, want := strings.Join(all, ", "), "a from b, c from a, c from b"; got != want {
			t.Errorf("after the cut of a → b, received: %s; want %s", got, want)
		}

		time.Sleep(3*time.Second - 1)
		if got := healthy(); got != "true true true" {
			t.Errorf("before 3 s, the health is %s", got)
		}
		time.Sleep(time.Nanosecond)
		if got := healthy(); got != "false false true" {
			t.Errorf("after 3 s, the health is %s", got)
		}
		network.Heal("a", "b")
		if got := healthy(); got != "true true true" {
			t.Errorf("after the end of the cut, the health is %s", got)
		}
	})
}

func TestRequestOverACutEndsWithItsContext(t *testing.T) {
	for _, direction := range [][2]string{{"a", "b"}, {"b", "a"}} {
		synctest.Test(t, func(t *testing.T) {
			network := bustest.NewNetwork(bustest.Options{})
			a, b := network.Join("a"), network.Join("b")
			b.Handle("echo", func(_ string, data []byte, respond func([]byte)) { respond(data) })
			network.Cut(direction[0], direction[1])
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			if _, err := a.Request(ctx, "b", "echo", nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("cut of %v: %v", direction, err)
			}
			network.HealAll()
			if _, err := a.Request(t.Context(), "b", "echo", nil); err != nil {
				t.Errorf("after the cut of %v: %v", direction, err)
			}
		})
	}
}

// A scheduler of the test delivers the messages in its own goroutine.
func TestSchedulerOfTheTestDecidesWhenMessagesArrive(t *testing.T) {
	now := time.Unix(0, 0)
	var arrivals []func()
	network := bustest.NewNetwork(bustest.Options{
		Now:   func() time.Time { return now },
		After: func(_ time.Duration, arrive func()) { arrivals = append(arrivals, arrive) },
	})
	a, b := network.Join("a"), network.Join("b")
	received := 0
	b.Handle("news", func(string, []byte, func([]byte)) { received++ })
	a.Publish("news", nil)
	if received != 0 || len(arrivals) != 1 {
		t.Fatalf("%d messages arrived, %d are on their way", received, len(arrivals))
	}
	arrivals[0]()
	if received != 1 {
		t.Error("the message did not arrive")
	}
	network.Cut("b", "a")
	now = now.Add(3 * time.Second)
	if a.Healthy() || b.Healthy() {
		t.Error("the cut was not noticed by the test's clock")
	}
}
