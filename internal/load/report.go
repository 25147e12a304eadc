package load

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report is the result of one load.
type Report struct {
	Values map[string]float64 // by name: rates per second, percentiles in milliseconds, counts
	Wrong  int64              // batches and events that were lost, repeated or out of order

	results      []string
	began, ended Usage
	known        bool // whether usage could be read
	start        time.Time
	took         time.Duration
}

func (r *Report) begin(s *Target) { r.began, r.known = s.usage(); r.start = time.Now() }

func (r *Report) end(s *Target) {
	r.took = time.Since(r.start)
	r.ended, r.known = s.usage()
}

// cpu returns the server's CPU time between begin and end.
func (r *Report) cpu() time.Duration { return r.ended.CPU - r.began.CPU }

func (r *Report) add(format string, args ...any) {
	r.results = append(r.results, fmt.Sprintf(format, args...))
}

// value keeps a result for programs.
func (r *Report) value(name string, v float64) {
	if r.Values == nil {
		r.Values = map[string]float64{}
	}
	r.Values[name] = v
}

func (r *Report) rate(what string, n int) {
	perSecond := float64(n) / r.took.Seconds()
	r.value(what, perSecond)
	r.add("%.0f %s", perSecond, what)
}

func (r *Report) percentiles(what string, d []time.Duration) {
	if len(d) == 0 {
		r.add("%s: nothing measured", what)
		return
	}
	slices.Sort(d)
	for name, share := range map[string]float64{"p50": .50, "p95": .95, "p99": .99, "max": 1} {
		r.value(what+" "+name, float64(percentile(d, share))/float64(time.Millisecond))
	}
	r.add("%s p50 %v, p95 %v, p99 %v, max %v", what, percentile(d, .50), percentile(d, .95), percentile(d, .99), percentile(d, 1))
}

// percentile returns the value below which a share of the sorted values lies.
func percentile(sorted []time.Duration, share float64) time.Duration {
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))].Round(10 * time.Microsecond)
}

// check compares what was sent with what arrived.
func (r *Report) check(what string, want, got int64) {
	r.value(what+" lost", float64(max(want-got, 0)))
	r.add("%d of %d %s lost", max(want-got, 0), want, what)
	r.Wrong += max(want-got, got-want)
}

func (r *Report) count(what string, n int64) {
	r.value(what, float64(n))
	r.add("%d %s", n, what)
	r.Wrong += n
}

// memoryAfter reports the server's memory for 30 s after a load, compared with its memory at the start. A shorter load is
// followed by a shorter time.
func (r *Report) memoryAfter(s *Target, start Usage, o Options) {
	if !r.known {
		return
	}
	r.add("%d MiB at the start, %d MiB at the end", start.RSS>>20, r.ended.RSS>>20)
	interval := min(o.Duration, 10*time.Second)
	for i := range 3 {
		s.sleep(interval)
		now, _ := s.usage()
		r.add("%d MiB (%.2f × the start) %v later", now.RSS>>20, float64(now.RSS)/float64(max(1, start.RSS)), time.Duration(i+1)*interval)
	}
}

// TableHead is the head of a table in Markdown.
const TableHead = "| load | result | the server's CPU, memory |\n|---|---|---|"

// Results returns the results in words.
func (r *Report) Results() []string { return r.results }

// Row returns the Report as a row of a table in Markdown.
func (r *Report) Row(description string) string {
	server := ""
	if r.known {
		server = fmt.Sprintf("%.2f s, %.0f %% of a core; %d MiB",
			r.cpu().Seconds(), 100*r.cpu().Seconds()/r.took.Seconds(), r.ended.RSS>>20)
	}
	return fmt.Sprintf("| %s | %s | %s |", description, strings.Join(r.results, "; "), server)
}
