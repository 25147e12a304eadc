package main

import (
	"fmt"
	"slices"
	"time"
)

// report is the result of one load.
type report struct {
	lines        []string
	began, ended usage
	known        bool // whether usage could be read
	start        time.Time
	took         time.Duration
	wrong        int64
}

func (r *report) begin(s *server) { r.began, r.known = s.usage(); r.start = time.Now() }

func (r *report) end(s *server) {
	r.took = time.Since(r.start)
	r.ended, r.known = s.usage()
}

func (r *report) add(format string, args ...any) {
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *report) rate(what string, n int) {
	r.add("%-26s %.0f (%d in %.1f s)", what, float64(n)/r.took.Seconds(), n, r.took.Seconds())
}

func (r *report) percentiles(what string, d []time.Duration) {
	if len(d) == 0 {
		r.add("%-26s nothing measured", what)
		return
	}
	slices.Sort(d)
	at := func(p float64) time.Duration {
		return d[min(len(d)-1, int(p*float64(len(d))))].Round(10 * time.Microsecond)
	}
	r.add("%-26s p50 %v  p95 %v  p99 %v  max %v", what, at(.50), at(.95), at(.99), d[len(d)-1].Round(10*time.Microsecond))
}

// check compares what was sent with what arrived.
func (r *report) check(what string, want, got int64) {
	r.add("%-26s %d of %d, %d lost", what, got, want, want-got)
	r.wrong += max(want-got, got-want)
}

func (r *report) count(what string, n int64) {
	r.add("%-26s %d", what, n)
	r.wrong += n
}

func (r *report) memory(what string, n int64) {
	r.add("%-26s %.1f KiB", what, float64(r.ended.rss-r.began.rss)/1024/float64(n))
}

func (r *report) print() {
	if r.known {
		cpu := r.ended.cpu - r.began.cpu
		r.add("%-26s %.1f %% of a core, memory %d MiB", "server", 100*cpu.Seconds()/r.took.Seconds(), r.ended.rss>>20)
	}
	for _, l := range r.lines {
		fmt.Println("  " + l)
	}
}
