// Package docs checks the links in the documentation, and the references to it in the sources.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/guide"
)

const root = "../.."

// link matches the target of a link. mention matches the name of a page in text, or in a regular expression.
var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	mention = regexp.MustCompile(`\bdocs\\?/([a-z]+)\\?/([a-z-]+)\\?\.md(?:#([a-z0-9_-]+))?`)
)

func TestRelativeLinksHaveTargets(t *testing.T) {
	checked := 0
	for _, file := range files(t, ".md") {
		for _, line := range prose(t, file) {
			for _, found := range link.FindAllStringSubmatch(line, -1) {
				target, anchor, _ := strings.Cut(found[1], "#")
				if strings.Contains(target, ":") {
					continue // an absolute URL
				}
				checked++
				to := file
				if target != "" {
					to = filepath.Join(filepath.Dir(file), target)
				}
				check(t, file, to, anchor)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d links were checked", checked)
	}
}

// The doctor, the client and comments refer to sections of the documentation.
func TestSectionsNamedInSourcesExist(t *testing.T) {
	named := map[string]int{}
	for _, file := range files(t, ".go", ".ts", ".yaml", ".conf", ".vcl", ".md") {
		for _, found := range mention.FindAllStringSubmatch(read(t, file), -1) {
			named[file]++
			check(t, file, filepath.Join(root, "docs", found[1], found[2]+".md"), found[3])
		}
	}
	for _, file := range []string{"doctor/diagnose.go", "doctor/products.go", "js-client/test/unit/client/fallback.test.ts"} {
		if named[filepath.Join(root, file)] < 3 {
			t.Errorf("%s refers to fewer than 3 sections", file)
		}
	}
}

// check checks that a file or directory exists and, unless anchor is "", that the page has that anchor.
func check(t *testing.T, from, to, anchor string) {
	t.Helper()
	if _, err := os.Stat(to); err != nil {
		t.Errorf("%s refers to %s, which does not exist", from, to)
	} else if anchor != "" && !slices.Contains(anchors(t, to), anchor) {
		t.Errorf("%s refers to %s#%s, which is not a heading", from, to, anchor)
	}
}

// files returns the sources with these extensions, without dependencies and generated files.
func files(t *testing.T, extensions ...string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == "node_modules" || name == "dist" || strings.HasPrefix(name, ".") && path != root):
			return filepath.SkipDir
		case entry.Type().IsRegular() && slices.Contains(extensions, filepath.Ext(name)):
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// prose returns the lines of a page outside code blocks.
func prose(t *testing.T, page string) []string {
	t.Helper()
	var lines []string
	code := false
	for line := range strings.Lines(read(t, page)) {
		if fence := strings.HasPrefix(strings.TrimSpace(line), "```"); fence {
			code = !code
		} else if !code {
			lines = append(lines, line)
		}
	}
	return lines
}

// anchors returns the anchors that GitHub generates for the headings of a page.
func anchors(t *testing.T, page string) []string {
	t.Helper()
	var names []string
	for _, line := range prose(t, page) {
		heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		name := guide.Anchor(heading)
		again := name
		for n := 1; slices.Contains(names, again); n++ {
			again = name + "-" + strconv.Itoa(n)
		}
		names = append(names, again)
	}
	return names
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
