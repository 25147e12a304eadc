package contract

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// item is a part of a stream: an event, a comment, or a `retry:`.
type item struct {
	name, id, data string
	comment        string // with the colon; "" for other items
	retry          string
	malformed      string // a line without one of these names
}

// parseStream returns the complete items of a stream, in the form in which this server sends them.
func parseStream(text string) (items []item) {
	blocks := strings.Split(text, "\n\n")
	for _, block := range blocks[:len(blocks)-1] { // the last one is not complete
		var i item
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			switch {
			case strings.HasPrefix(line, ":"):
				i.comment = strings.TrimSuffix(line, "\n")
			case name == "event":
				i.name = value
			case name == "id":
				i.id = value
			case name == "data":
				i.data += value
			case name == "retry":
				i.retry = value
			default:
				i.malformed = line
			}
		}
		items = append(items, i)
	}
	return items
}

// eventRow is a row of a table of events, which OpenAPI 3.1 has no notation for.
type eventRow struct {
	schema string
	id     bool
}

var eventRows = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| `(\\w+)` \\| (yes|no) \\|")

// ofRoom and ofRooms are the streams of events; the description of the second refers to the table of the first.
const (
	ofRoom  = "GET /v1/rooms/{room}/events"
	ofRooms = "GET /v1/events"
)

// eventsOf returns the table of events of an operation; nil if it is no stream.
func (c *contract) eventsOf(operation string) map[string]eventRow {
	if operation == ofRooms {
		operation = ofRoom
	}
	description, _ := c.described.at(append(pathOf(operation), "description")...).(string)
	return eventTable(description)
}

func eventTable(description string) (table map[string]eventRow) {
	for _, row := range eventRows.FindAllStringSubmatch(description, -1) {
		if table == nil {
			table = map[string]eventRow{}
		}
		table[row[1]] = eventRow{row[2], row[3] == "yes"}
	}
	return table
}

// retryRange returns the described range of `retry:`, in milliseconds.
func (c *contract) retryRange() (low, high int) {
	description, _ := c.described.at(append(pathOf(ofRoom), "description")...).(string)
	if match := regexp.MustCompile("`retry:` \\(a\\s+delay\\s+of\\s+(\\d+)–(\\d+)\\s+ms").FindStringSubmatch(description); match != nil {
		low, _ = strconv.Atoi(match[1])
		high, _ = strconv.Atoi(match[2])
	}
	return low, high
}

// findWrongStreams compares streams with the contract: their beginning, comments, `retry:`, and each event.
func findWrongStreams(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	low, high := c.retryRange()
	var retries []int
	checked := map[string]map[item]bool{} // by operation: streams of a room have the same events
	r.described(c, func(name string, e *exchange) {
		if !e.isStream {
			return
		}
		if checked[name] == nil {
			checked[name] = map[item]bool{}
		}
		for n, i := range e.items() {
			if n > 1 && checked[name][i] {
				continue
			}
			checked[name][i] = true
			if retry, err := strconv.Atoi(i.retry); err == nil {
				retries = append(retries, retry)
			}
			if err := c.checkItem(name, n, i, e.header.Get("Content-Encoding") != ""); err != nil {
				f.add("%s: %v", name, err)
			}
		}
	})
	const enough = 100 // then a range that is not used is not due to chance
	if unused := (high - low) / 5; len(retries) >= enough && (slices.Min(retries) > low+unused || slices.Max(retries) < high-unused) {
		f.add("retry is from %d to %d, and the described range is %d to %d ms", slices.Min(retries), slices.Max(retries), low, high)
	}
	return found
}

// checkItem checks the item of a stream at an index.
func (c *contract) checkItem(operation string, n int, i item, compressed bool) error {
	low, high := c.retryRange()
	retry, _ := strconv.Atoi(i.retry)
	switch {
	case i.malformed != "":
		return fmt.Errorf("the line %q is not described", i.malformed)
	case (n == 0) != (i.comment == ": pathsync"):
		return fmt.Errorf("item %d is %+v, and the first item is the comment of the beginning", n, i)
	case (n == 1) != (i.retry != ""):
		return fmt.Errorf("item %d is %+v, and retry is the second", n, i)
	case i.retry != "" && (retry < low || retry > high):
		return fmt.Errorf("retry is %s, and the described range is %d to %d ms", i.retry, low, high)
	case i.comment != "" && n > 0 && i.comment != ": " && (!compressed || strings.Trim(i.comment, ":.") != ""):
		return fmt.Errorf("the comment %q is neither a keep-alive nor dots of a compressed stream", i.comment)
	case i.name != "":
		return c.checkEvent(operation, i)
	}
	return nil
}

// checkEvent checks an event of a stream. Members that are not described are errors.
func (c *contract) checkEvent(operation string, i item) error {
	row, known := c.eventsOf(operation)[i.name]
	switch {
	case !known:
		return fmt.Errorf("the event %q is not in the table: %s", i.name, i.data)
	case row.id != (i.id != ""):
		return fmt.Errorf("the event %s has the id %q, and the table says %v", i.name, i.id, row.id)
	}
	if err := c.closed.checkJSON("/x-closed/"+row.schema, []byte(i.data)); err != nil {
		return fmt.Errorf("the data of %s: %w\n%s", i.name, err, i.data)
	}
	whole := fmt.Sprintf(`{"event":%q,"data":%s}`, i.name, i.data)
	if i.id != "" {
		whole = fmt.Sprintf(`{"event":%q,"id":%q,"data":%s}`, i.name, i.id, i.data)
		schema := map[bool]string{true: "EventIdOfRooms", false: "EventId"}[operation == ofRooms]
		if err := c.closed.check("/x-closed/"+schema, i.id); err != nil {
			return fmt.Errorf("the id of %s: %w", i.name, err)
		}
	}
	if err := checkPosition(operation, i.id, []byte(i.data)); err != nil {
		return fmt.Errorf("the event %s: %w", i.name, err)
	}
	_, at := c.closed.resolve(pointerTo(pathOf(operation)...) + "/responses/200")
	if err := c.closed.checkJSON(at+pointerTo("content", "text/event-stream", "schema"), []byte(whole)); err != nil {
		return fmt.Errorf("the event %s: %w\n%s", i.name, err, whole)
	}
	return nil
}

// checkPosition checks that the `id:` of an event is the position in its data.
func checkPosition(operation, id string, text []byte) error {
	var data struct {
		Epoch     string
		ServerSeq int64
	}
	if id == "" {
		return nil
	}
	if err := json.Unmarshal(text, &data); err != nil {
		return err
	}
	epoch, positions, _ := strings.Cut(id, "-")
	has := slices.Contains(strings.Split(positions, "."), strconv.FormatInt(data.ServerSeq, 10))
	if data.Epoch != "" && data.Epoch != epoch || !has || operation == ofRoom && strings.Contains(positions, ".") {
		return fmt.Errorf("the id is %s, and the data is %s", id, text)
	}
	return nil
}

// findUnsentEvents reports events of the tables that no stream has, and codes of problems at the wrong place: some are
// described as those of streams only.
func findUnsentEvents(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	seen, inStream, inResponse := map[string]bool{}, map[string]bool{}, map[string]bool{}
	keepAlive := false
	r.described(c, func(name string, e *exchange) {
		inResponse[e.code()] = true
		if !e.isStream {
			return
		}
		for n, i := range e.items() {
			seen[name+" "+i.name] = true
			keepAlive = keepAlive || n > 1 && i.comment == ": "
			if _, code, ok := strings.Cut(i.data, `"code":"`); ok && i.name == "problem" {
				code, _, _ = strings.Cut(code, `"`)
				inStream[code] = true
			}
		}
	})
	if !keepAlive {
		f.add("no stream has a keep-alive comment")
	}
	c.operations(func(name string, _ map[string]any) {
		for event := range c.eventsOf(name) {
			if !seen[name+" "+event] {
				f.add("%s never has the event %s", name, event)
			}
		}
	})
	for _, row := range c.problemRows() {
		if only := strings.HasPrefix(row.meaning, "only on a stream"); only && (!inStream[row.code] || inResponse[row.code]) {
			f.add("%s is described as a code of streams only: in streams %v, in responses %v", row.code, inStream[row.code], inResponse[row.code])
		}
	}
	return found
}
