package sim

import (
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
