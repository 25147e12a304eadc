package httpapi

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// burstSeconds is how much at once a rate allows, in seconds of it: somebody who was offline comes with all that he has.
const burstSeconds = 10

// buckets are token buckets by key, at the same rate for all. Their memory is bounded however many keys there are.
//
// A bucket that has not been used for as long as it takes to fill is as good as new, and is forgotten without anybody
// noticing: they live in two generations, and the older one goes when the younger has lasted for that long. The younger also
// ends when it has as many buckets as it may. Then somebody with very many keys gains the bursts of those forgotten early,
// and others lose nothing.
type buckets[K comparable] struct {
	rate  rate.Limit
	burst int
	fill  time.Duration // how long an empty bucket takes to be full
	max   int

	mu         sync.Mutex
	young, old map[K]*rate.Limiter
	born       time.Time // of the younger generation
}

// newBuckets makes buckets that let through so many a second, and remembers no more than 2·max of them. They let through
// everything when perSecond is 0.
func newBuckets[K comparable](perSecond float64, max int) *buckets[K] {
	b := &buckets[K]{rate: rate.Limit(perSecond), burst: int(math.Ceil(perSecond * burstSeconds)), max: max}
	if perSecond > 0 {
		b.fill = time.Duration(float64(b.burst) / perSecond * float64(time.Second))
	}
	return b
}

// take takes a token from the bucket of a key. When there is none, it says after how long there will be one.
func (b *buckets[K]) take(key K, now time.Time) (wait time.Duration, ok bool) {
	if b.rate <= 0 {
		return 0, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	bucket := b.find(key, now)
	if bucket.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - bucket.TokensAt(now)
	return time.Duration(missing / float64(b.rate) * float64(time.Second)), false
}

// find returns the bucket of a key, in the younger generation. The lock is held.
func (b *buckets[K]) find(key K, now time.Time) *rate.Limiter {
	if b.young == nil || now.Sub(b.born) >= b.fill || len(b.young) >= b.max {
		b.old, b.young, b.born = b.young, map[K]*rate.Limiter{}, now
	}
	bucket := b.young[key]
	if bucket == nil {
		if bucket = b.old[key]; bucket == nil {
			bucket = rate.NewLimiter(b.rate, b.burst)
		}
		b.young[key] = bucket
	}
	return bucket
}
