package metrics_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/internal/testkit"
)

var (
	described = regexp.MustCompile(`(?m)^# HELP (pathsync_\w+) (.*)\n# TYPE pathsync_\w+ (\w+)\n\w+(?:\{([^}]*)\})?`)
	labelName = regexp.MustCompile(`(\w+)=`)
)

func TestMetricsReferenceIsCurrent(t *testing.T) {
	m, _ := watched(t)
	m.Answered("GET /", 200, time.Second)
	var names []string
	b := strings.Builder{}
	b.WriteString("| metric | |\n|---|---|\n")
	for _, found := range described.FindAllStringSubmatch(scrape(t, m), -1) {
		var labels []string
		for _, l := range labelName.FindAllStringSubmatch(found[4], -1) {
			if l[1] != "le" {
				labels = append(labels, "`"+l[1]+"`")
			}
		}
		names = append(names, found[1])
		kind := found[3]
		if labels != nil {
			kind += " by " + strings.Join(labels, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s (%s) |\n", found[1], found[2], kind)
	}
	testkit.Document(t, "../docs/reference/metrics.md", "metrics", b.String())

	for _, page := range []string{"docs/run/monitoring.md", "docs/run/cluster.md", "docs/run/capacity.md", "docs/run/troubleshooting.md", "deploy/grafana.json"} {
		text, err := os.ReadFile("../" + page)
		if err != nil {
			t.Fatal(err)
		}
		used := regexp.MustCompile(`pathsync_[a-z_]+`).FindAllString(string(text), -1)
		if len(used) == 0 {
			t.Errorf("%s names no metric", page)
		}
		for _, name := range used {
			name = strings.TrimSuffix(name, "_bucket")
			if !slices.Contains(names, name) && !slices.Contains(names, strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count")) {
				t.Errorf("%s names %s, which does not exist", page, name)
			}
		}
	}
}

// Parts of an expression of Prometheus, and rows of the table in docs/run/monitoring.md.
var (
	selector = regexp.MustCompile(`(pathsync_\w+?)(?:_bucket|_sum|_count)?\{([^}]*)\}`)
	matcher  = regexp.MustCompile(`(\w+)(?:=~|=|!=)\\?"([^"\\]*)\\?"`)
	grouped  = regexp.MustCompile(`by \((\w+)\) \((?:\w+\()?(pathsync_\w+?)(?:_bucket|_sum|_count)?\b`)
	row      = regexp.MustCompile("(?m)^\\| `(pathsync_\\w+)` \\|(.*)$")
	word     = regexp.MustCompile("`([a-z_]+)`")
	series   = regexp.MustCompile(`(?m)^(pathsync_\w+?)(?:_bucket|_sum|_count)?\{([^}]*)\}`)
)

// An expression with a label or a value that does not exist returns nothing, and an alert then never fires.
func TestLabelsNamedInPagesExist(t *testing.T) {
	m, _ := watched(t)
	m.Answered("GET /", 200, time.Second)
	values := map[string]map[string][]string{} // by metric and label
	for _, found := range series.FindAllStringSubmatch(scrape(t, m), -1) {
		if values[found[1]] == nil {
			values[found[1]] = map[string][]string{"le": nil, "job": nil}
		}
		for _, pair := range matcher.FindAllStringSubmatch(found[2], -1) {
			values[found[1]][pair[1]] = append(values[found[1]][pair[1]], pair[2])
		}
	}
	checked := 0
	check := func(page, metric, label string, wanted ...string) {
		t.Helper()
		checked++
		existing, ok := values[metric][label]
		if !ok && values[metric] != nil || values[metric] == nil && label != "job" {
			t.Errorf("%s: %s has no label %s", page, metric, label)
		}
		for _, value := range wanted {
			if label != "job" && !slices.Contains(existing, value) {
				t.Errorf("%s: %s of %s is never %q", page, label, metric, value)
			}
		}
	}
	for _, page := range []string{"docs/run/monitoring.md", "deploy/grafana.json"} {
		text, err := os.ReadFile("../" + page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range selector.FindAllStringSubmatch(string(text), -1) {
			for _, pair := range matcher.FindAllStringSubmatch(found[2], -1) {
				check(page, found[1], pair[1], strings.Split(pair[2], "|")...)
			}
		}
		for _, found := range grouped.FindAllStringSubmatch(string(text), -1) {
			check(page, found[2], found[1])
		}
		for _, found := range row.FindAllStringSubmatch(string(text), -1) {
			for label, existing := range values[found[1]] {
				if label == "le" || label == "job" || found[1] == "pathsync_bus_dropped_total" || found[1] == "pathsync_request_seconds" {
					continue // the values are in the package bus, and classes of numbers
				}
				for _, w := range word.FindAllStringSubmatch(found[2], -1) {
					if checked++; !slices.Contains(existing, w[1]) {
						t.Errorf("%s: %s of %s is never %q", page, label, found[1], w[1])
					}
				}
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d labels were checked", checked)
	}
}
