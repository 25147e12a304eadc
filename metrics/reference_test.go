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
