// Package docs holds the pages for people to what they point at.
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
	"unicode"
)

const root = "../.."

// Where a link of a page leads, and where a text names a page: for people, or as a regular expression.
var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	mention = regexp.MustCompile(`\bdocs\\?/([a-z-]+)\\?\.md(?:#([a-z0-9_-]+))?`)
)

func TestEveryRelativeLinkLeadsSomewhere(t *testing.T) {
	followed := 0
	for _, file := range files(t, ".md") {
		for _, line := range prose(t, file) {
			for _, found := range link.FindAllStringSubmatch(line, -1) {
				target, anchor, _ := strings.Cut(found[1], "#")
				if strings.Contains(target, ":") {
					continue // it is elsewhere
				}
				followed++
				to := file
				if target != "" {
					to = filepath.Join(filepath.Dir(file), target)
				}
				lookAt(t, file, to, anchor)
			}
		}
	}
	if followed < 100 {
		t.Errorf("only %d links were followed", followed)
	}
}

// The doctor and the client name the places at which they find words for people. So do comments.
func TestEveryPlaceThatTheSourcesNameIsThere(t *testing.T) {
	named := map[string]int{}
	for _, file := range files(t, ".go", ".ts", ".yaml", ".conf", ".vcl", ".md") {
		for _, found := range mention.FindAllStringSubmatch(read(t, file), -1) {
			named[file]++
			lookAt(t, file, filepath.Join(root, "docs", found[1]+".md"), found[2])
		}
	}
	for _, file := range []string{"doctor/diagnose.go", "doctor/products.go", "js-client/test/unit/client/fallback.test.ts"} {
		if named[filepath.Join(root, file)] < 3 {
			t.Errorf("what %s names was not found", file)
		}
	}
}

// lookAt looks for a file or a directory, and for an anchor of a page if that is not "".
func lookAt(t *testing.T, from, to, anchor string) {
	t.Helper()
	if _, err := os.Stat(to); err != nil {
		t.Errorf("%s points at %s, which is not there", from, to)
	} else if anchor != "" && !slices.Contains(anchors(t, to), anchor) {
		t.Errorf("%s points at %s#%s, which is no heading", from, to, anchor)
	}
}

// files are the sources with these extensions, without what others wrote and what is generated.
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

// prose is the lines of a page that are not code.
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

// anchors are the names that GitHub gives the headings of a page.
func anchors(t *testing.T, page string) []string {
	t.Helper()
	var names []string
	for _, line := range prose(t, page) {
		heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(heading))
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
