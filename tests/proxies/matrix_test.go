package proxies

import (
	"sync"
	"testing"
)

// row is one row of the table: a proxy, how browsers speak to it, and its configuration.
type row struct {
	*proxy
	http2, recipe bool
	verdicts      []string // of each check; nil if the program is not on this machine
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
	return "as it comes"
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

func TestTheServerWorksBehindProxiesAsTheDocumentationSays(t *testing.T) {
	all := rows()
	t.Run("behind", func(t *testing.T) { // ends when all that is in it has
		for _, r := range all {
			t.Run(r.name+", "+r.protocol()+", "+r.configuration(), func(t *testing.T) {
				t.Parallel()
				if !r.here() {
					t.Skipf("%s is not installed", r.name)
				}
				r.verdicts = r.examine(t)
			})
		}
	})
	if t.Failed() {
		return // of a proxy that did not even start, nothing has been found out
	}
	compare(t, all)
}

// examine makes every check, and expects that a recipe passes them.
func (r *row) examine(t *testing.T) []string {
	s := start(t, r.proxy, r.http2, r.recipe)
	verdicts := make([]string, len(checks))
	last := len(checks) - 1
	var others sync.WaitGroup
	for i, check := range checks[:last] {
		others.Go(func() { verdicts[i] = check.run(t, s) })
	}
	others.Wait()
	verdicts[last] = checks[last].run(t, s)
	t.Log(verdicts)
	for i, verdict := range verdicts {
		if r.recipe && verdict != passed && verdict != absent {
			t.Errorf("%s: %s", checks[i].name, verdict)
		}
	}
	return verdicts
}
