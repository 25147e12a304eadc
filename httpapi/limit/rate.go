package limit

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// BurstSeconds is the burst of a rate in seconds of it: a client that was offline sends all its changes at once.
const BurstSeconds = 10

// rateLimit is one token bucket per key, all with the same rate. Its memory is bounded for any number of keys.
//
// A bucket that was not used for the time it takes to fill is full, so it can be forgotten. Buckets are in two generations;
// the older one is dropped when the younger one reaches that age. The younger one also ends when it has max buckets. Then
// a party with very many keys gains the bursts of buckets that are forgotten early, and others lose nothing.
type rateLimit[K comparable] struct {
	rate  rate.Limit
	burst int
	fill  time.Duration // until an empty bucket is full
	max   int

	mu         sync.Mutex
	young, old map[K]*rate.Limiter
	born       time.Time // of the younger generation
}

// newRateLimit makes a limit of perSecond for each key; 0 is no limit. It holds at most 2·max buckets.
func newRateLimit[K comparable](perSecond float64, max int) *rateLimit[K] {
	l := &rateLimit[K]{rate: rate.Limit(perSecond), burst: int(math.Ceil(perSecond * BurstSeconds)), max: max}
	if perSecond > 0 {
		l.fill = time.Duration(float64(l.burst) / perSecond * float64(time.Second))
	}
	return l
}

// take takes a token of a key. Without one it returns the time until the next.
func (l *rateLimit[K]) take(key K, now time.Time) (wait time.Duration, ok bool) {
	if l.rate <= 0 {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := l.bucketLocked(key, now)
	if bucket.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - bucket.TokensAt(now)
	return time.Duration(missing / float64(l.rate) * float64(time.Second)), false
}

// bucketLocked returns the bucket of a key, and moves it to the younger generation.
func (l *rateLimit[K]) bucketLocked(key K, now time.Time) *rate.Limiter {
	if l.young == nil || now.Sub(l.born) >= l.fill || len(l.young) >= l.max {
		l.old, l.young, l.born = l.young, map[K]*rate.Limiter{}, now
	}
	bucket := l.young[key]
	if bucket == nil {
		if bucket = l.old[key]; bucket == nil {
			bucket = rate.NewLimiter(l.rate, l.burst)
		}
		l.young[key] = bucket
	}
	return bucket
}
