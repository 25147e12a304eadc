package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

// dice make the random choices of one actor. They are safe for concurrent use.
type dice struct {
	mu     sync.Mutex
	random *rand.Rand
}

func newDice(seed uint64, actor string) *dice {
	h := fnv.New64a()
	h.Write([]byte(actor))
	return &dice{random: rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// occasions give dice to events that happen at the same moment in any order: they depend on what the event is and on when it
// happens, and not on other events before it. They are safe for concurrent use.
type occasions struct {
	seed uint64

	mu   sync.Mutex
	at   time.Time
	seen map[string]int // events of this moment
}

func (o *occasions) dice(event ...any) *dice {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); !now.Equal(o.at) {
		o.at, o.seen = now, map[string]int{}
	}
	name := fmt.Sprint(event...)
	o.seen[name]++
	return newDice(o.seed, fmt.Sprint(o.at.UnixNano(), " ", o.seen[name], " ", name))
}

func (d *dice) chance(p float64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.random.Float64() < p
}

// below returns a number from 0 to limit-1.
func (d *dice) below(limit int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.random.IntN(limit)
}

func (d *dice) duration(from, to time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return from + time.Duration(d.random.Float64()*float64(to-from))
}

func pick[T any](d *dice, from []T) T { return from[d.below(len(from))] }

func (d *dice) shuffle(names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
}
