package guide

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"

	"github.com/pathsync/pathsync/internal/asset"
)

const (
	// Root is the path of the site on its server.
	Root = "/guide/"

	// repository shows files that are not pages of the site.
	repository = "https://github.com/pathsync/pathsync/blob/main/"

	contents = "docs/README.md"
	contract = "openapi.yaml" // which the server has at /openapi.yaml
	icon     = "js-client/playground/favicon.svg"

	// pagePolicy allows the style of the site and its pictures, and the form of the search. There are no scripts.
	pagePolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

	// picturePolicy allows the style in a picture, which chooses colours for light and dark.
	picturePolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
)

// Site is the documentation as files below Root. Its methods may be called from any goroutine.
type Site struct {
	version  string
	parts    []part
	pages    map[string]*page      // by their name in the repository
	files    map[string]asset.File // by path below Root
	sections []section
}

// part is a part of the table of contents.
type part struct {
	Title string
	Links []link
}

type link struct {
	Title, URL string
	name       string // in the repository
}

var (
	//go:embed page.html
	pageSource string
	//go:embed style.css
	style []byte

	layout = template.Must(template.New("page").Parse(pageSource))
)

// New renders the documentation of a version. files has the paths of the repository.
func New(files fs.FS, version string) (*Site, error) {
	s := &Site{version: version, pages: map[string]*page{}, files: map[string]asset.File{}}
	first, err := s.parse(files, contents)
	if err != nil {
		return nil, err
	}
	s.parts = first.contents()
	order := []*page{first}
	for _, p := range s.parts {
		for _, l := range p.Links {
			parsed, err := s.parse(files, l.name)
			if err != nil {
				return nil, err
			}
			parsed.title = l.Title // short, and it says what README.md is about
			order = append(order, parsed)
		}
	}
	for i, p := range order {
		if err := s.render(p, order[max(i-1, 0)], order[min(i+1, len(order)-1)]); err != nil {
			return nil, fmt.Errorf("rendering %s: %w", p.name, err)
		}
		s.sections = append(s.sections, p.sections...)
	}
	return s, s.addFiles(files)
}

// addFiles adds what is not a page.
func (s *Site) addFiles(files fs.FS) error {
	s.files["style.css"] = asset.New("text/css; charset=utf-8", pagePolicy, style)
	pictures, err := fs.Glob(files, "docs/pictures/*.svg")
	if err != nil {
		return err
	}
	for _, name := range append(pictures, icon) {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		s.files[strings.TrimPrefix(urlOf(name), Root)] = asset.New("image/svg+xml", picturePolicy, text)
	}
	return nil
}

// urlOf returns the path on the server of a file of the repository that the site has.
func urlOf(name string) string {
	switch name {
	case contents:
		return Root
	case "js-client/README.md":
		return Root + "reference/client"
	case icon:
		return Root + "icon.svg"
	default:
		return Root + strings.TrimSuffix(strings.TrimPrefix(name, "docs/"), ".md")
	}
}

// File returns a file by its path below Root.
func (s *Site) File(name string) (asset.File, bool) {
	f, ok := s.files[name]
	return f, ok
}

// view is what the template shows.
type view struct {
	Title, Summary string
	Body           template.HTML
	Headings       []heading // of the page, for its table of contents
	Parts          []part
	URL            string
	Previous, Next *link
	Query          string
	Found          []found
	Searched       bool
	Version        string
}

func (s *Site) render(p, previous, next *page) error {
	body, err := p.html(s.destination)
	if err != nil {
		return err
	}
	v := view{Title: p.title, Summary: p.summary, Body: body, Headings: p.headings, URL: urlOf(p.name)}
	if previous != p {
		v.Previous = &link{Title: previous.title, URL: urlOf(previous.name)}
	}
	if next != p {
		v.Next = &link{Title: next.title, URL: urlOf(next.name)}
	}
	f, err := s.show(v)
	s.files[strings.TrimPrefix(v.URL, Root)] = f
	return err
}

func (s *Site) show(v view) (asset.File, error) {
	v.Parts, v.Version = s.parts, s.version
	var text bytes.Buffer
	err := layout.Execute(&text, v)
	return asset.New("text/html; charset=UTF-8", pagePolicy, text.Bytes()), err
}

// resolve returns the path in the repository that a link in a file names, and its anchor.
func resolve(from, target string) (name, anchor string) {
	target, anchor, _ = strings.Cut(target, "#")
	if target == "" {
		return from, anchor
	}
	return path.Join(path.Dir(from), target), anchor
}

// destination returns the address of what a link in a file names: a page of the site, another file in the repository, or
// any other address.
func (s *Site) destination(from, target string) string {
	inRepository, absolute := strings.CutPrefix(target, repository)
	switch {
	case absolute:
		from = "README.md"
	case strings.Contains(target, ":") || strings.HasPrefix(target, "#"):
		return target
	}
	name, anchor := resolve(from, inRepository)
	address := repository + name
	switch {
	case name == contract:
		address = "/" + contract
	case s.pages[name] != nil:
		address = urlOf(name)
	}
	if anchor != "" {
		address += "#" + anchor
	}
	return address
}
