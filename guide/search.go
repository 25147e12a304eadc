package guide

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pathsync/pathsync/internal/asset"
)

// Bounds of a search.
const (
	maxQuery   = 200 // bytes
	maxTerms   = 8
	maxFound   = 30
	textBefore = 60 // bytes of an excerpt before the first match
	textAfter  = 140
)

// section is what a search finds: a heading and the text below it, up to the next heading.
type section struct {
	page            *page
	heading, anchor string // empty: the beginning of the page
	text, lower     string // lower: in lower case
}

// found is one result of a search.
type found struct {
	Title, URL string
	Excerpt    []words
}

// words is a part of an excerpt.
type words struct {
	Text    string
	Matches bool
}

// Search returns a page with the sections that contain all words of a query, or, if there are none, some of them.
func (s *Site) Search(query string) (asset.File, error) {
	query = strings.ToValidUTF8(query[:min(len(query), maxQuery)], "")
	v := view{Title: "Search", Query: query, Searched: true, URL: Root + "search"}
	terms := strings.Fields(strings.ToLower(query))
	terms = terms[:min(len(terms), maxTerms)]

	type result struct {
		section section
		matched int // terms
		score   int
	}
	var results []result
	most := 0
	for _, sec := range s.sections {
		matched, score := sec.match(terms)
		if matched > 0 {
			results = append(results, result{sec, matched, score})
			most = max(most, matched)
		}
	}
	results = slices.DeleteFunc(results, func(r result) bool { return r.matched < most })
	slices.SortStableFunc(results, func(a, b result) int { return cmp.Compare(b.score, a.score) })
	for _, r := range results[:min(len(results), maxFound)] {
		v.Found = append(v.Found, r.section.found(terms))
	}
	return s.show(v)
}

// match counts the terms that a section contains, and rates it: titles count more than text.
func (s section) match(terms []string) (matched, score int) {
	title, heading := strings.ToLower(s.page.title), strings.ToLower(s.heading)
	for _, term := range terms {
		inText := strings.Count(s.lower, term)
		before := score
		if strings.Contains(heading, term) {
			score += 20
		}
		if strings.Contains(title, term) {
			score += 10
		}
		if score > before || inText > 0 {
			matched++
		}
		score += min(inText, 5)
	}
	return matched, score
}

func (s section) found(terms []string) found {
	f := found{Title: s.page.title, URL: urlOf(s.page.name), Excerpt: excerpt(s.text, s.lower, terms)}
	if s.heading != "" {
		f.Title += " › " + s.heading
		f.URL += "#" + s.anchor
	}
	return f
}

// excerpt cuts a text around its first match, and marks the matches.
func excerpt(text, lower string, terms []string) []words {
	if len(lower) != len(text) { // a letter has another length in lower case
		lower = text
	}
	first, _ := next(lower, terms)
	from, to := 0, len(text)
	if first > textBefore {
		from = first - textBefore + strings.IndexByte(text[first-textBefore:first]+" ", ' ') + 1
		from = min(from, first)
	}
	if rest := text[from:]; len(rest) > textBefore+textAfter {
		to = from + max(strings.LastIndexByte(rest[:textBefore+textAfter], ' '), 0)
	}
	var cut []words
	if from > 0 {
		cut = append(cut, words{Text: "… "})
	}
	after := ""
	if to < len(text) {
		after = " …"
	}
	text, lower = text[from:to], lower[from:to]
	for {
		at, length := next(lower, terms)
		if at < 0 {
			break
		}
		cut = append(cut, words{Text: text[:at]}, words{text[at : at+length], true})
		text, lower = text[at+length:], lower[at+length:]
	}
	return append(cut, words{Text: text + after})
}

// next returns where the first of some terms is in a text, and its length; -1 if there is none.
func next(lower string, terms []string) (at, length int) {
	at = -1
	for _, term := range terms {
		if i := strings.Index(lower, term); i >= 0 && (at < 0 || i < at) {
			at, length = i, len(term)
		}
	}
	return at, length
}
