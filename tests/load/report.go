package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// report is the result of one load.
type report struct {
	results      []string
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

// cpu returns the server's CPU time between begin and end.
func (r *report) cpu() time.Duration { return r.ended.cpu - r.began.cpu }

func (r *report) add(format string, args ...any) {
	r.results = append(r.results, fmt.Sprintf(format, args...))
}

func (r *report) rate(what string, n int) { r.add("%.0f %s", float64(n)/r.took.Seconds(), what) }

func (r *report) percentiles(what string, d []time.Duration) {
	if len(d) == 0 {
		r.add("%s: nothing measured", what)
		return
	}
	slices.Sort(d)
	r.add("%s p50 %v, p95 %v, p99 %v, max %v", what, percentile(d, .50), percentile(d, .95), percentile(d, .99), percentile(d, 1))
}

// percentile returns the value below which a share of the sorted values lies.
func percentile(sorted []time.Duration, share float64) time.Duration {
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))].Round(10 * time.Microsecond)
}

// check compares what was sent with what arrived.
func (r *report) check(what string, want, got int64) {
	r.add("%d of %d %s lost", max(want-got, 0), want, what)
	r.wrong += max(want-got, got-want)
}

func (r *report) count(what string, n int64) {
	r.add("%d %s", n, what)
	r.wrong += n
}

// memoryAfter reports the server's memory for 30 s after a load, compared with its memory at the start. A shorter load is
// followed by a shorter time.
func (r *report) memoryAfter(s *server, start usage, o options) {
	r.add("%d MiB at the start, %d MiB at the end", start.rss>>20, r.ended.rss>>20)
	interval := min(o.duration, 10*time.Second)
	for i := range 3 {
		time.Sleep(interval)
		now, _ := s.usage()
		r.add("%d MiB (%.2f × the start) %v later", now.rss>>20, float64(now.rss)/float64(max(1, start.rss)), time.Duration(i+1)*interval)
	}
}

const tableHead = "| load | result | the server's CPU, memory |\n|---|---|---|"

// row returns the report as a row of a table in Markdown.
func (r *report) row(description string) string {
	server := ""
	if r.known {
		server = fmt.Sprintf("%.2f s, %.0f %% of a core; %d MiB",
			r.cpu().Seconds(), 100*r.cpu().Seconds()/r.took.Seconds(), r.ended.rss>>20)
	}
	return fmt.Sprintf("| %s | %s | %s |", description, strings.Join(r.results, "; "), server)
}
