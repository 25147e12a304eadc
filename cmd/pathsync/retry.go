package main

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"time"
)

const (
	firstDelay = 250 * time.Millisecond
	maxDelay   = 15 * time.Second
)

// delay is how long to wait before a try, after so many that have failed (at least one). It doubles with every failure,
// and half of it is up to chance, so that many who lost the same server do not come back as one.
func delay(failures int) time.Duration {
	d := maxDelay
	if failures < 8 {
		d = min(firstDelay<<(failures-1), maxDelay)
	}
	return d/2 + rand.N(d/2)
}

// mayPass reports whether the identical request may succeed later, and how long the server asks to wait. What is not a
// problem that the server states is a failure of the network, which may pass.
func mayPass(err error) (after time.Duration, ok bool) {
	var p *problem
	if !errors.As(err, &p) {
		return 0, true
	}
	if seconds, err := strconv.Atoi(p.retryAfter); err == nil && seconds > 0 {
		after = min(time.Duration(seconds)*time.Second, maxDelay)
	}
	return after, p.Retryable
}
