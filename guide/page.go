package guide

import (
	"fmt"
	"html/template"
	"io/fs"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// markdown is what GitHub shows, without raw HTML.
var markdown = goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough))

// page is one Markdown file.
type page struct {
	name     string // in the repository
	title    string
	summary  string // the first sentences, for search engines and link previews
	headings []heading
	sections []section
	source   []byte
	root     ast.Node
}

type heading struct {
	Level        int
	Text, Anchor string
}

// parse reads a page. It gives its headings the anchors that GitHub gives them.
func (s *Site) parse(files fs.FS, name string) (*page, error) {
	source, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("reading a page of the documentation: %w", err)
	}
	p := &page{name: name, source: source, root: markdown.Parser().Parse(text.NewReader(source))}
	s.pages[name] = p
	anchors := map[string]int{}
	for n := p.root.FirstChild(); n != nil; n = n.NextSibling() {
		h, isHeading := n.(*ast.Heading)
		if !isHeading {
			if p.summary == "" && n.Kind() == ast.KindParagraph {
				p.summary = shortened(p.text(n))
			}
			p.add(p.text(n))
			continue
		}
		title := p.text(h)
		anchor := Anchor(title)
		if again := anchors[anchor]; again > 0 {
			anchors[anchor]++
			anchor += "-" + strconv.Itoa(again)
		}
		anchors[anchor]++
		h.SetAttributeString("id", []byte(anchor))
		if h.Level == 1 {
			p.title = title
			p.sections = append(p.sections, section{page: p})
			continue
		}
		if h.Level <= 3 {
			p.headings = append(p.headings, heading{h.Level, title, anchor})
		}
		p.sections = append(p.sections, section{page: p, heading: title, anchor: anchor})
	}
	return p, nil
}

// maxSummary is the length of a summary, in bytes. Search engines show about as much.
const maxSummary = 200

// shortened returns the first sentences of a text, or its first words if the first sentence is too long.
func shortened(text string) string {
	if len(text) <= maxSummary {
		return text
	}
	start := text[:maxSummary]
	if end := strings.LastIndex(start, ". "); end > 0 {
		return start[:end+1]
	}
	return start[:max(strings.LastIndexByte(start, ' '), 0)] + " …"
}

// add adds text to the last section.
func (p *page) add(text string) {
	if len(p.sections) == 0 {
		p.sections = append(p.sections, section{page: p})
	}
	last := &p.sections[len(p.sections)-1]
	last.text += text + " "
	last.lower += strings.ToLower(text) + " "
}

// Anchor returns the anchor that GitHub gives a heading.
func Anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}

// text returns the text of a node without markup.
func (p *page) text(n ast.Node) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				b.Write(n.Segment.Value(p.source))
				if n.SoftLineBreak() || n.HardLineBreak() {
					b.WriteByte(' ')
				}
			}
		case *ast.String:
			if entering {
				b.Write(n.Value)
			}
		case *ast.AutoLink:
			if entering {
				b.Write(n.URL(p.source))
			}
		case *ast.FencedCodeBlock, *ast.CodeBlock:
			if entering {
				b.Write(n.Lines().Value(p.source))
			}
		default:
			if !entering && n.Type() == ast.TypeBlock {
				b.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.Join(strings.Fields(b.String()), " ")
}

// contents returns the parts and pages that a table of contents names.
func (p *page) contents() []part {
	var parts []part
	_ = ast.Walk(p.root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Heading:
			if entering && n.Level == 2 {
				parts = append(parts, part{Title: p.text(n)})
			}
		case *ast.Link:
			if entering && len(parts) > 0 {
				name, _ := resolve(p.name, string(n.Destination))
				last := &parts[len(parts)-1]
				last.Links = append(last.Links, link{Title: p.text(n), URL: urlOf(name), name: name})
			}
		}
		return ast.WalkContinue, nil
	})
	return parts
}

// html renders the page.
func (p *page) html(destination func(from, target string) string) (template.HTML, error) {
	err := ast.Walk(p.root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Link:
			if entering {
				n.Destination = []byte(destination(p.name, string(n.Destination)))
			}
		case *ast.Image:
			if entering {
				name, _ := resolve(p.name, string(n.Destination))
				n.Destination = []byte(urlOf(name))
			}
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return "", err
	}
	return render(p.source, p.root)
}
