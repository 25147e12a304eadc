package guide

import (
	"bytes"
	"html/template"
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// Fragment renders Markdown that is a part of a page. Its headings have the anchors that GitHub gives them.
func Fragment(source string) (template.HTML, error) {
	p := &page{source: []byte(source)}
	p.root = markdown.Parser().Parse(text.NewReader(p.source))
	for n := p.root.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.Heading); ok {
			h.SetAttributeString("id", []byte(Anchor(p.text(h))))
		}
	}
	return render(p.source, p.root)
}

var inlineCode = regexp.MustCompile(`(?:<pre[^>]*>)?<code>[^<]*</code>`)

// unbroken is the length of code in text that is kept in one line, in bytes.
const unbroken = 20

// breakable lets long code in text be broken where it has parts, and keeps short code in one line.
func breakable(code string) string {
	text, inText := strings.CutPrefix(code, "<code>")
	switch {
	case !inText: // a block
		return code
	case len(text) < unbroken+len("</code>"):
		return `<code class="short">` + text
	}
	return "<code>" + strings.NewReplacer("</code>", "</code>", "_", "_<wbr>", "/", "/<wbr>").Replace(text)
}

// render makes wide tables and code scroll, so the keyboard can reach them. Long names in text can be broken.
func render(source []byte, root ast.Node) (template.HTML, error) {
	var b bytes.Buffer
	if err := markdown.Renderer().Render(&b, source, root); err != nil {
		return "", err
	}
	// The text of a page has no tags, because it is escaped.
	scrolling := strings.NewReplacer("<table>", `<div class="wide" tabindex="0"><table>`, "</table>", "</table></div>", "<pre>", `<pre tabindex="0">`, "<th></th>", "<td></td>")
	body := inlineCode.ReplaceAllStringFunc(scrolling.Replace(b.String()), breakable)
	return template.HTML(body), nil //nolint:gosec // goldmark escapes text and omits raw HTML
}
