package contract

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pathsync/pathsync"
	"github.com/pathsync/pathsync/auth"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/presence"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/httpapi/limit"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/ticket"
	"github.com/pathsync/pathsync/httpapi/wire"
	"github.com/pathsync/pathsync/pace"
)

// figure is a place in descriptions that has figures: a pattern with a group for each, and the figures of the server.
type figure struct {
	words string
	want  []any
}

// figures are the figures of descriptions. A figure with a unit that is in none of these places is an error, see unit.
func figures() []figure {
	cfg := httpapi.Config{}.WithDefaults()
	seconds := func(d time.Duration) int { return int(d.Seconds()) }
	limitOf := func(flag string) string { // of one party; the binary writes this page
		page, _ := pathsync.Documents.ReadFile("docs/reference/cli.md")
		match := regexp.MustCompile("`--" + flag + "=N` .*\\((\\d+)\\)").FindSubmatch(page)
		if match == nil {
			return "no default of --" + flag
		}
		return string(match[1])
	}
	heartbeat, body := seconds(cfg.Feeds.Heartbeat), cfg.MaxBodyBytes>>20
	const headers = 64 // KiB; package server sets it, and testNotHTTP checks it
	const silence = 40 // seconds: two heartbeats may be missing, and a little more
	return []figure{
		{`After (\d+) s without output the server sends a comment`, []any{heartbeat}},
		{`after (\d+) s without a byte, treat`, []any{silence}},
		{`or was silent for (\d+) s`, []any{silence}},
		{`collected over (\d+) ms, and for up to (\d+) s if there`, []any{cfg.Hub.PresenceWindow.Milliseconds(), seconds(presence.MaxWindow)}},
		{`a delay of (\d+)–(\d+) ms`, []any{1000, 3000}}, // findWrongStreams checks what is sent
		{`stays present for a lease of (\d+) s`, []any{seconds(cfg.Hub.PresenceTimeout)}},
		{`waits up to (\d+) s for it before it orders`, []any{seconds(cfg.Hub.PredecessorTimeout)}},
		{`no byte for (\d+) s, or less than (\d+) KiB per second for (\d+) s`, []any{seconds(pace.Patience), pace.MinRate >> 10, seconds(pace.Patience)}},
		{`at most (\d+) MiB and not compressed`, []any{body}},
		{`it has up to (\d+) operations and (\d+) MiB`, []any{cfg.MaxOps, body}},
		{`Collect changes for (\d+) ms or more`, []any{50}}, // a recommendation
		{`nested at most (\d+) levels deep`, []any{cfg.MaxDepth}},
		{`can be used within (\d+) s`, []any{seconds(ticket.Life)}},
		{`may have (\d+) tickets in (\d+) s`, []any{ticket.MaxOfUser, seconds(ticket.Life)}},
		{`At most (\d+) characters and (\d+) segments`, []any{path.MaxLength, path.MaxSegments}},
		{`A room's name, 1 to (\d+) characters`, []any{core.MaxRoomLength}},
		{`The key of a document, a name of 1 to (\d+) characters`, []any{core.MaxKeyLength}},
		{`sends or reads, a name of 1 to (\d+) characters`, []any{core.MaxClientIDLength}},
		{`The name to display, at most (\d+) characters`, []any{core.MaxDisplayNameLength}},
		{`Any JSON value of at most (\d+) KiB`, []any{wire.MaxMeta >> 10}},
		{`for up to (\d+) rooms over one connection`, []any{wire.MaxRooms}},
		{`there are none, more than (\d+), or`, []any{wire.MaxRooms}},
		{`if there are more than (\d+) or about (\d+) MiB`, []any{feed.MaxChanges, feed.MaxRangeBytes >> 20}},
		{`A page also ends at about (\d+) MiB`, []any{feed.MaxRangeBytes >> 20}},
		{`A token has at most (\d+) KiB; a longer token is answered with (\d+)`, []any{auth.MaxTokenBytes >> 10, problem.New(problem.Unauthenticated, "").Status}},
		{`header is larger than (\d+) KiB with (\d+)`, []any{headers, 431}},
		{`431 \(a header larger than (\d+) KiB\)`, []any{headers}},
		{`A request beyond a limit gets (\d+)`, []any{problem.New(problem.RateLimited, "").Status}},
		{`without the permission is answered with (\d+)`, []any{problem.New(problem.Forbidden, "").Status}},
		{"`OPTIONS` is answered (\\d+), with the methods", []any{204}}, // testHeadAndOptions checks what is sent
		{`Each rate allows a burst of (\w+) seconds' worth`, []any{map[int]string{10: "ten"}[limit.BurstSeconds]}},
		{"defaults are (\\d+) batches per second of one `clientId` in a room; (\\d+) batches and (\\d+) other requests per second, (\\d+) streams and (\\d+) rooms of one user; and (\\d+), (\\d+), (\\d+) and (\\d+) of one address",
			[]any{limitOf("client-batches"), limitOf("user-batches"), limitOf("user-requests"), limitOf("user-streams"), limitOf("user-rooms"),
				limitOf("address-batches"), limitOf("address-requests"), limitOf("address-streams"), limitOf("address-rooms")}},
		{"after `retry:`, the last one of any stream, otherwise (\\d+) s", []any{2}},
		{`a random time between 0 and (0\.5) s, (1) s, (2) s … (30) s`, []any{0.5, 1, 2, 30}}, // advice
	}
}

// unit matches a figure with a unit.
var unit = regexp.MustCompile(`(\d[\d.]*) (?:ms|s|KiB|MiB|GiB|seconds|characters|segments|levels|operations|batches|other requests|requests|streams|rooms|tickets|events|clients)\b`)

// findWrongFigures compares the figures of descriptions with those of the server.
func findWrongFigures(c *contract, _ *recording) (found []string) {
	f := (*findings)(&found)
	text := c.prose()
	compared := map[int]bool{} // by offset
	for _, figure := range figures() {
		matches := regexp.MustCompile(figure.words).FindAllStringSubmatchIndex(text, -1)
		if len(matches) == 0 {
			f.add("no description has %q", figure.words)
		}
		for _, match := range matches {
			for i, want := range figure.want {
				from, to := match[2*i+2], match[2*i+3]
				compared[from] = true
				if text[from:to] != fmt.Sprint(want) {
					f.add("a description has %q, and the server's figure is %v", text[match[0]:match[1]], want)
				}
			}
		}
	}
	for _, match := range unit.FindAllStringSubmatchIndex(text, -1) {
		if !compared[match[2]] {
			f.add("no figure of the server is compared with %q", text[max(0, match[0]-60):match[1]])
		}
	}
	if version := c.described.at("info", "version"); version != pathsync.Version {
		f.add("the version is %v, and that of the server is %s", version, pathsync.Version)
	}
	return found
}

// prose returns all descriptions without their samples, each in one line.
func (c *contract) prose() string {
	var all strings.Builder
	visit(c.described.document, "", func(_ string, object map[string]any) {
		for _, name := range []string{"description", "summary"} {
			if text, ok := object[name].(string); ok {
				all.WriteString(strings.Join(strings.Fields(codeBlocks.ReplaceAllString(text, "")), " ") + "\n")
			}
		}
	})
	return all.String()
}

// statuses matches an HTTP status in a sentence.
var statuses = regexp.MustCompile(`\b([2-5]\d\d)\b`)

// codeWithStatus matches a code of a problem beside a status.
var codeWithStatus = regexp.MustCompile("(\\d{3}) `([a-z]+_[a-z_]+)`|`([a-z]+_[a-z_]+)` \\((\\d{3})")

// findWrongStatuses compares the statuses and the codes in descriptions with those of the responses.
func findWrongStatuses(c *contract, _ *recording) (found []string) {
	f := (*findings)(&found)
	for _, match := range codeWithStatus.FindAllStringSubmatch(c.prose(), -1) {
		status, code := match[1]+match[4], match[2]+match[3]
		if p := problem.New(problem.Code(code), ""); strconv.Itoa(p.Status) != status {
			f.add("a description has %q, and the server sends the code with %d", match[0], p.Status)
		}
	}
	c.operations(func(name string, operation map[string]any) {
		responses := operation["responses"].(map[string]any)
		check := func(object map[string]any) {
			text, _ := object["description"].(string)
			for _, match := range statuses.FindAllStringSubmatch(codeBlocks.ReplaceAllString(text, ""), -1) {
				if responses[match[1]] == nil {
					f.add("%s: the description has the status %s, and the operation does not", name, match[1])
				}
			}
		}
		check(operation)
		for _, p := range c.parametersOf(name) {
			if !strings.HasPrefix(p.pointer, "/components") {
				check(p.object)
			}
		}
	})
	c.codesOfResponses(f)
	c.rowsOfTables(f)
	if outbox := c.outbox(); strings.Join(outbox, " ") != strings.Join(c.statusesOf("POST /v1/rooms/{room}/ops"), " ") {
		f.add("the table of the outbox has the statuses %v, and the operation has %v", outbox, c.statusesOf("POST /v1/rooms/{room}/ops"))
	}
	return found
}

// rowsOfTables compares the rows of *Writing a client* with the responses: a row with `retryable: true` names codes that are,
// and a row with statuses and `Retry-After` has all statuses of the operation that have this header.
func (c *contract) rowsOfTables(f *findings) {
	description, _ := c.described.at("info", "description").(string)
	for row := range strings.Lines(description) {
		if match := regexp.MustCompile("`retryable: (true|false)`").FindStringSubmatch(row); match != nil && strings.HasPrefix(row, "|") {
			for _, name := range quoted.FindAllStringSubmatch(row, -1) {
				if c.isCode(name[1]) && fmt.Sprint(problem.New(problem.Code(name[1]), "").Retryable) != match[1] {
					f.add("a row says %s of %s, which is not so: %s", match[0], name[0], row)
				}
			}
		}
		cells := strings.Split(row, " | ")
		named := statuses.FindAllString(cells[0], -1)
		if len(cells) < 2 || len(named) == 0 || !strings.Contains(cells[1], "`Retry-After`") {
			continue
		}
		operation := "POST /v1/rooms/{room}/ops"
		if strings.Contains(cells[0], "was refused") {
			operation = ofRoom
		}
		var want []string
		for _, status := range c.statusesOf(operation) {
			response, _ := c.described.resolve(pointerTo(pathOf(operation)...) + "/responses/" + status)
			if c.described.within(response, "headers", "Retry-After") != nil {
				want = append(want, status)
			}
		}
		if !slices.Equal(named, want) {
			f.add("a row has the statuses %v with Retry-After, and %s has %v", named, operation, want)
		}
	}
}

// codesOfResponses compares the codes in the description of a response with its codes: it names all of them or none.
func (c *contract) codesOfResponses(f *findings) {
	visit(c.described.document, "", func(pointer string, object map[string]any) {
		media, _ := c.described.within(object, "content", "application/problem+json").(map[string]any)
		text, _ := object["description"].(string)
		named := map[string]bool{}
		for _, match := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(text, -1) {
			if c.isCode(match[1]) {
				named[match[1]] = true
			}
		}
		if media == nil || len(named) == 0 {
			return
		}
		for _, code := range sliceOf(media["x-problem-codes"]) {
			if !named[code.(string)] {
				f.add("%s: the description names codes, but not %s", pointer, code)
			}
			delete(named, code.(string))
		}
		for code := range named {
			f.add("%s: the description names the code %s, which the response does not have", pointer, code)
		}
	})
}

func (c *contract) isCode(word string) bool {
	for _, code := range sliceOf(c.described.at("components", "schemas", "ProblemCode", "enum")) {
		if code == word {
			return true
		}
	}
	return false
}
