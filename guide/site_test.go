package guide

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

// repositoryFiles are the files of the repository.
var repositoryFiles = os.DirFS("..")

var rendered = sync.OnceValues(func() (*Site, error) { return New(repositoryFiles, "1.2.3") })

func site(t *testing.T) *Site {
	t.Helper()
	s, err := rendered()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEveryPageIsInTheContentsOnce(t *testing.T) {
	named := map[string]int{}
	for _, p := range site(t).parts {
		for _, l := range p.Links {
			named[l.name]++
		}
	}
	names, err := fs.Glob(repositoryFiles, "docs/*/*.md")
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	for _, name := range append(names, "js-client/README.md") {
		if named[name] != 1 {
			t.Errorf("%s is in docs/README.md %d times", name, named[name])
		}
	}
}

var (
	reference  = regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)
	identifier = regexp.MustCompile(` id="([^"]*)"`)
)

func TestEveryReferenceWithinTheSiteHasATarget(t *testing.T) {
	s := site(t)
	identifiers := map[string]map[string]bool{}
	for name, f := range s.files {
		identifiers[name] = map[string]bool{}
		for _, found := range identifier.FindAllSubmatch(f.Body, -1) {
			if identifiers[name][string(found[1])] {
				t.Errorf("%s has two elements %s", name, found[1])
			}
			identifiers[name][string(found[1])] = true
		}
	}
	checked := 0
	for name, f := range s.files {
		if !strings.HasPrefix(f.Type, "text/html") {
			continue
		}
		for _, found := range reference.FindAllSubmatch(f.Body, -1) {
			target, anchor, _ := strings.Cut(string(found[1]), "#")
			path, inSite := strings.CutPrefix(target, Root)
			switch {
			case target == "":
				path = name
			case inSite && path == "search", target == "/", target == "/docs", target == "/openapi.yaml", strings.HasPrefix(target, "http"), strings.HasPrefix(target, "mailto:"):
				continue
			case !inSite:
				t.Errorf("%s refers to %s", name, target)
				continue
			}
			checked++
			if _, ok := s.files[path]; !ok {
				t.Errorf("%s refers to %s, which does not exist", name, found[1])
			} else if anchor != "" && !identifiers[path][anchor] {
				t.Errorf("%s refers to %s, which is not a heading", name, found[1])
			}
		}
	}
	if checked < 300 {
		t.Errorf("only %d references were checked", checked)
	}
}

func TestPagesHaveNoScriptAndNoStyle(t *testing.T) {
	for name, f := range site(t).files {
		if inline := regexp.MustCompile(`<script|<style|<[a-z][^>]*\s(?:style|on\w+)=|"javascript:`).Find(f.Body); inline != nil && strings.HasPrefix(f.Type, "text/html") {
			t.Errorf("%s has %q in it, which its policy forbids", name, inline)
		}
	}
}

func TestCompressedFileIsTheSame(t *testing.T) {
	f, ok := site(t).File("run/proxies")
	if !ok {
		t.Fatal("there is no such page")
	}
	r, err := gzip.NewReader(bytes.NewReader(f.Gzip))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(text, f.Body) {
		t.Errorf("%d bytes instead of %d, %v", len(text), len(f.Body), err)
	}
}

const folder = "docs/start/"

// small is a site of two pages.
func small(t *testing.T, text string) *Site {
	t.Helper()
	s, err := New(fstest.MapFS{
		contents:             {Data: []byte("# Guide\n\n## Start\n\n- [First](start/first.md)\n- [Second](start/second.md)\n")},
		folder + "first.md":  {Data: []byte("# The first page\n\nSee [the second](second.md#b-c), [a file](../../Makefile) and [the API](../../openapi.yaml).\n")},
		folder + "second.md": {Data: []byte(text)},
		icon:                 {Data: []byte("<svg/>")},
	}, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLinksLeadToPagesOrToTheRepository(t *testing.T) {
	f, _ := small(t, "# Second\n\n## B `c`\n").File("start/first")
	for _, want := range []string{
		`href="/guide/start/second#b-c"`, `href="https://github.com/pathsync/pathsync/blob/main/Makefile"`, `href="/openapi.yaml"`,
		`<title>First · pathsync</title>`, `<a href="/guide/start/first" aria-current="page">First</a>`,
		`<a href="/guide/start/second" rel="next"><small>Next</small> Second</a>`, `<a href="/guide/" rel="prev">`,
	} {
		if !strings.Contains(string(f.Body), want) {
			t.Errorf("%s is missing in\n%s", want, f.Body)
		}
	}
}

func TestRepeatedHeadingsHaveAnchorsLikeOnGitHub(t *testing.T) {
	f, _ := small(t, "# S\n\n## On, off\n\n## On, off\n\n### What_is `a-b`?\n").File("start/second")
	for _, want := range []string{`<h2 id="on-off">`, `<h2 id="on-off-1">`, `<h3 id="what_is-a-b">`} {
		if !strings.Contains(string(f.Body), want) {
			t.Errorf("%s is missing in\n%s", want, f.Body)
		}
	}
}

func TestOnlyLongCodeInTextIsBroken(t *testing.T) {
	f, _ := small(t, "# S\n\n`_sync_id`, `pathsync_database_retries_total`\n\n```\nGET /a_long_path_that_is_not_broken\n```\n").File("start/second")
	for _, want := range []string{
		`<code class="short">_sync_id</code>`, "<code>pathsync_<wbr>database_<wbr>retries_<wbr>total</code>", "GET /a_long_path_that_is_not_broken\n</code>",
	} {
		if !strings.Contains(string(f.Body), want) {
			t.Errorf("%s is missing in\n%s", want, f.Body)
		}
	}
}

func TestSummaryIsTheFirstSentences(t *testing.T) {
	sentence := strings.Repeat("word ", 20) + "end. " // 105 bytes
	for text, want := range map[string]string{
		"Short. Text.":               "Short. Text.",
		sentence + sentence:          strings.TrimSpace(sentence),
		strings.Repeat("äö ", 100):   strings.Repeat("äö ", 39) + "äö …",
		strings.Repeat("long", 100):  " …",
		"Has `code` and *emphasis*.": "Has code and emphasis.",
	} {
		s := small(t, "# Second\n\n"+text)
		if got := s.pages[folder+"second.md"].summary; got != want {
			t.Errorf("%.30q: %q, want %q", text, got, want)
		}
	}
}

func TestEveryPageHasAnOwnTitleAndASummary(t *testing.T) {
	titles := map[string]string{}
	for name, p := range site(t).pages {
		if len(p.summary) < 40 || len(p.summary) > maxSummary+len(" …") {
			t.Errorf("the summary of %s is %q", name, p.summary)
		}
		if titles[p.title] != "" {
			t.Errorf("%s and %s have one title", name, titles[p.title])
		}
		titles[p.title] = name
	}
}

func TestMissingPageIsAnError(t *testing.T) {
	if _, err := New(fstest.MapFS{contents: {Data: []byte("# Guide\n\n## Start\n\n- [First](start/first.md)\n")}}, ""); err == nil {
		t.Error("there is no error")
	}
}

// GitHub shows a picture at its own size, and screen readers read its title.
func TestPicturesAreUsedAndHaveSizeTitleAndDarkColours(t *testing.T) {
	pages := ""
	for name, f := range site(t).files {
		if strings.HasPrefix(f.Type, "text/html") {
			pages += name + string(f.Body)
		}
	}
	names, err := fs.Glob(repositoryFiles, "docs/pictures/*")
	if err != nil || len(names) < 5 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(repositoryFiles, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{`^<svg [^>]*width="\d+" height="\d+"`, "<title", "prefers-color-scheme: ?dark"} {
			if !regexp.MustCompile(part).Match(text) {
				t.Errorf("%s has no %s", name, part)
			}
		}
		if !regexp.MustCompile(`<img src="` + urlOf(name) + `" alt="[^"]{20,}"`).MatchString(pages) {
			t.Errorf("no page shows %s with a description", name)
		}
	}
}
