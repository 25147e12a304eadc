package guide

import (
	"strings"
	"testing"
)

func search(t *testing.T, s *Site, query string) string {
	t.Helper()
	f, err := s.Search(query)
	if err != nil {
		t.Fatal(err)
	}
	return string(f.Body)
}

func TestSearchPrefersHeadings(t *testing.T) {
	s := small(t, "# Second\n\nThe backup is on another page. A backup is a copy.\n\n## Backup of the log\n\nCopy it.\n")
	body := search(t, s, "BACKUP")
	heading, text := strings.Index(body, `<a href="/guide/start/second#backup-of-the-log">Second › Backup of the log</a>`), strings.Index(body, `The <mark>backup</mark> is`)
	if heading < 0 || text < heading {
		t.Errorf("the heading is at %d and the text at %d of\n%s", heading, text, body)
	}
}

func TestSearchWantsAllWordsIfASectionHasThem(t *testing.T) {
	s := small(t, "# Second\n\n## A\n\none two\n\n## B\n\none three\n")
	if body := search(t, s, "one two"); !strings.Contains(body, "second#a") || strings.Contains(body, "second#b") {
		t.Error(body)
	}
	if body := search(t, s, "one four"); !strings.Contains(body, "second#a") || !strings.Contains(body, "second#b") {
		t.Error(body)
	}
	if body := search(t, s, "five"); !strings.Contains(body, "No page contains") {
		t.Error(body)
	}
	if body := search(t, s, " "); strings.Contains(body, "<ol") {
		t.Error(body)
	}
}

func TestSearchEscapesQueryAndText(t *testing.T) {
	s := small(t, "# Second\n\nUse `<b>` & more.\n")
	if body := search(t, s, `<b>"`); !strings.Contains(body, `value="&lt;b&gt;&#34;"`) || strings.Contains(body, "<b>") {
		t.Error(body)
	}
	if body := search(t, s, `<b>`); !strings.Contains(body, `<mark>&lt;b&gt;</mark> &amp; more`) {
		t.Error(body)
	}
}

func TestExcerptIsShortAndWhole(t *testing.T) {
	text := strings.Repeat("äöü word ", 100) + "needle " + strings.Repeat("Ⱥ more ", 100) // Ⱥ is longer in lower case
	for _, query := range []string{"needle", "word", "missing"} {
		whole, marked := "", ""
		for _, w := range excerpt(text, strings.ToLower(text), []string{query}) {
			whole += w.Text
			if w.Matches {
				marked = w.Text
			}
		}
		if cut := strings.Trim(whole, "… "); len(cut) > 220 || !strings.Contains(" "+text+" ", " "+cut+" ") {
			t.Errorf("%s: %d bytes: %q", query, len(cut), whole)
		}
		if marked != query && query != "missing" {
			t.Errorf("%s: %q is marked", query, marked)
		}
	}
}

func FuzzSearch(f *testing.F) {
	f.Add("backup", "One backup İ two")
	f.Add("\xff i", "İ\u0301 text")
	f.Fuzz(func(t *testing.T, query, text string) {
		s := small(t, "# Second\n\n"+text)
		if _, err := s.Search(query); err != nil {
			t.Fatal(err)
		}
	})
}
