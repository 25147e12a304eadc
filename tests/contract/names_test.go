package contract

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pathsync/pathsync"
	"github.com/pathsync/pathsync/httpapi/wire"
)

// Descriptions put names in backticks. Each must be a name of the contract, or one of these.
var otherNames = []string{
	"%2F", "/", "/v1", "/v1/", "null", "_", "__proto__", "[", "]", `\`, ".", "*", "[id]", "a", "b", "c", "tasks[t1].title",
	"1", "1.0", "2", "2.0", "20e-1", "{path, op, value?, arrayIndex?, after?, to?}",
	"default", "initial-state", // a key, and a client
	"sub", "exp", "match", "read", // of a token
	"curl", "EventSource", "navigator.sendBeacon", "length", "pathsync doctor",
	"maxLength", "required: false", "itemSchema", "x-rule", "x-problem-codes", // of OpenAPI
	"application/json", "text/event-stream", "charset", "chunked", "100-continue", "frame-ancestors 'none'", "'self'", "id:", "retry:", // of standards
	"Accept", "Allow", "Authorization", "Authorization: Bearer …", "Content-Security-Policy", "Expect", "Host", "Origin", "Range", "Transfer-Encoding", "X-Request-Id",
	"Cache-Control: no-store", "Referrer-Policy: same-origin", "X-Content-Type-Options: nosniff", // see commonHeaders
	"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "OPTIONS *",
	"<epoch>-<serverSeq>", "<epoch>-<serverSeq>.<serverSeq>…", "<epoch>-0", "app",
}

var (
	quoted   = regexp.MustCompile("`([^`]+)`")
	emphasis = regexp.MustCompile(`(?:^|[^*])\*([A-Z][^*]+)\*(?:$|[^*])`)
	links    = regexp.MustCompile(`\]\((/[^)]*)\)`)
	headings = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// findUnknownNames reports names, headings and links in descriptions that do not exist.
func findUnknownNames(c *contract, _ *recording) (found []string) {
	f := (*findings)(&found)
	known := c.names()
	text := c.prose()
	for _, match := range quoted.FindAllStringSubmatch(text, -1) {
		if !known[match[1]] && !c.isName(match[1], known) {
			f.add("a description has the name %s, which does not exist", match[0])
		}
	}
	chapters := map[string]bool{}
	description, _ := c.described.at("info", "description").(string)
	for _, match := range headings.FindAllStringSubmatch(description, -1) {
		chapters[match[1]] = true
	}
	for _, match := range emphasis.FindAllStringSubmatch(text, -1) {
		if !chapters[match[1]] {
			f.add("a description refers to %q, which is no heading", match[1])
		}
	}
	for _, match := range links.FindAllStringSubmatch(text, -1) {
		if c.described.at("paths", match[1]) == nil {
			f.add("a description has a link to %s, which is no path", match[1])
		}
	}
	return found
}

// names returns the names of the contract.
func (c *contract) names() map[string]bool {
	known := map[string]bool{}
	for _, name := range otherNames {
		known[name] = true
	}
	for path := range c.described.at("paths").(map[string]any) {
		known[path] = true
	}
	visit(c.described.document, "", func(_ string, object map[string]any) {
		for _, name := range []string{"properties", "schemas", "headers"} {
			members, _ := object[name].(map[string]any)
			for member := range maps.Keys(members) {
				known[member] = true
			}
		}
		for _, value := range slices.Concat(sliceOf(object["enum"]), sliceOf(object["x-problem-codes"])) {
			if text, ok := value.(string); ok {
				known[text] = true
			}
		}
		if name, ok := object["name"].(string); ok {
			known[name] = true
		}
	})
	return known
}

// isName reports whether a text is a name with more around it: an operation, a member of a member, a member and its value, a
// flag, a file, or a position.
func (c *contract) isName(text string, known map[string]bool) bool {
	if method, path, ok := strings.Cut(text, " /"); ok {
		return c.templates[method+" /"+path] != nil
	}
	if method, end, ok := strings.Cut(text, " …"); ok {
		for operation := range c.templates {
			if strings.HasPrefix(operation, method+" ") && strings.HasSuffix(operation, end) {
				return true
			}
		}
		return false
	}
	if flag, value, _ := strings.Cut(text, " "); strings.HasPrefix(flag, "--") {
		page, _ := pathsync.Documents.ReadFile("docs/reference/cli.md")
		row := regexp.MustCompile("(?m)^\\| `--(\\[no-\\])?" + flag[2:] + "[=`].*$").FindString(string(page))
		return row != "" && strings.Contains(row, value)
	}
	if strings.HasPrefix(text, "docs/") {
		_, err := pathsync.Documents.ReadFile(text)
		return err == nil
	}
	for _, separator := range []string{".", ": "} {
		if before, after, ok := strings.Cut(text, separator); ok && known[before] && (known[after] || after == "true" || after == "false") {
			return true
		}
	}
	_, err := wire.ParsePositions(text, 2)
	return err == nil
}

// outbox returns the statuses in the table of the outbox, and statusesOf those of an operation, sorted.
func (c *contract) outbox() []string {
	description, _ := c.described.at("info", "description").(string)
	_, section, _ := strings.Cut(description, "### The outbox\n")
	section, _, _ = strings.Cut(section, "\n### ")
	seen := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\d{3}[^|]*) \|`).FindAllStringSubmatch(section, -1) {
		for _, match := range statuses.FindAllStringSubmatch(row[1], -1) {
			seen[match[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func (c *contract) statusesOf(operation string) []string {
	responses, _ := c.described.at(append(pathOf(operation), "responses")...).(map[string]any)
	return slices.Sorted(maps.Keys(responses))
}
