package proxies

import (
	"slices"
	"sync"
	"testing"
)

// row is one row of the table: a proxy, the protocol of its clients, and its configuration.
type row struct {
	*proxy
	http2, recipe bool
	verdicts      []string // of each check; nil if the program is not installed
}

func (r *row) protocol() string {
	if r.http2 {
		return "HTTP/2"
	}
	return "HTTP/1.1"
}

func (r *row) configuration() string {
	if r.recipe {
		return "recipe"
	}
	return "minimal"
}

func rows() (all []*row) {
	for _, p := range proxies {
		for _, http2 := range []bool{false, true} {
			if http2 && !p.http2 {
				continue
			}
			for _, recipe := range []bool{false, true} {
				all = append(all, &row{proxy: p, http2: http2, recipe: recipe})
			}
		}
	}
	return all
}

func TestProxiesBehaveAsDocumented(t *testing.T) {
	all := rows()
	examine := func(name string, rows []*row) {
		t.Run(name, func(t *testing.T) { // returns when all parallel subtests have ended
			for _, r := range rows {
				t.Run(r.name+", "+r.protocol()+", "+r.configuration(), func(t *testing.T) {
					t.Parallel()
					if !r.installed() {
						t.Skipf("%s is not installed", r.name)
					}
					r.examine(t)
				})
			}
		})
	}
	table := readTable(t)
	examine("behind", all)
	// On a busy machine a result may be worse. Those proxies run once more, after all others.
	examine("once more", slices.DeleteFunc(slices.Clone(all), func(r *row) bool {
		return r.verdicts == nil || r.holds() && table.has(r)
	}))
	if t.Failed() {
		return // some proxies did not start and have no results
	}
	for _, r := range all {
		if r.verdicts != nil && !r.holds() {
			t.Errorf("%s, %s: the recipe does not pass every check: %v", r.name, r.protocol(), r.verdicts)
		}
	}
	table.compare(t, all)
}

// examine runs every check.
func (r *row) examine(t *testing.T) {
	s := start(t, r.proxy, r.http2, r.recipe)
	verdicts := make([]string, len(checks))
	during := func(p phase) {
		var group sync.WaitGroup
		for i, check := range checks {
			if check.when == p {
				group.Go(func() { verdicts[i] = check.verdict(t, s) })
			}
		}
		group.Wait()
	}
	during(ordinary)
	s.server.restart(heartbeat)
	during(shortened)
	during(killed)
	t.Log(verdicts)
	r.verdicts = verdicts
}

// holds reports whether a recipe passes every check. It is true for default configurations.
func (r *row) holds() bool {
	return !r.recipe || !slices.ContainsFunc(r.verdicts, func(v string) bool { return v != passed && v != absent })
}
