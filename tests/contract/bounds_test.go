package contract

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/httpapi/wire"
)

// epochLength is the maximum length of an epoch. An EventId has at most 64 characters.
const epochLength = 64 - len("-9223372036854775807")

// bounds are values of responses at their limits, in JSON. The limits of requests are compared with the server by
// TestServerAndSchemasAcceptTheSameRequests.
func bounds() []struct {
	schema, value string
	allowed       bool
} {
	text := func(length int) string { return strconv.Quote(strings.Repeat("x", length)) }
	page := func(changes int) string {
		change := `{"room":"r","key":"k","serverSeq":1,"clientId":"a","serverTs":1767225600000,"ops":[]}`
		return fmt.Sprintf(`{"room":"r","epoch":"e","next":"e-1","upToDate":true,"changes":[%s]}`, strings.Join(repeat(change, changes), ","))
	}
	problem := func(status int) string {
		return fmt.Sprintf(`{"type":"urn:pathsync:problem:internal","title":"x","status":%d,"code":"internal","retryable":false}`, status)
	}
	room := func(key int) string {
		return fmt.Sprintf(`{"room":"r","epoch":"e","serverSeq":1,"stores":{%s:{"serverSeq":1,"state":1}}}`, text(key))
	}
	positions := func(rooms int) string { // as long as possible
		return strconv.Quote(strings.Repeat("e", epochLength) + "-" + strings.Join(repeat("9223372036854775807", rooms), "."))
	}
	return []struct {
		schema, value string
		allowed       bool
	}{
		{"Room", room(core.MaxKeyLength), true}, {"Room", room(core.MaxKeyLength + 1), false},
		{"EventId", positions(1), true}, {"EventId", strings.Replace(positions(1), "e-", "ee-", 1), false}, {"EventId", `"e-01"`, false},
		{"EventIdOfRooms", positions(wire.MaxRooms), true}, {"EventIdOfRooms", strings.Replace(positions(wire.MaxRooms), "e-", "ee-", 1), false},
		{"EventIdOfRooms", `"e-1` + strings.Repeat(".1", wire.MaxRooms) + `"`, false}, {"EventIdOfRooms", `"e-_.1"`, true},
		{"ServerSeq", "1", true}, {"ServerSeq", "0", false}, {"ServerSeq", "9223372036854775807", true}, {"ServerSeq", "1.5", false},
		{"Position", "0", true}, {"Position", "-1", false},
		{"Epoch", text(epochLength), true}, {"Epoch", text(epochLength + 1), false}, {"Epoch", `""`, false}, {"Epoch", `"a-1"`, false}, {"Epoch", `"a b"`, false},
		{"UserId", text(core.MaxUserLength), true}, {"UserId", text(core.MaxUserLength + 1), false}, {"UserId", `""`, false},
		{"Changes", page(feed.MaxChanges), true}, {"Changes", page(feed.MaxChanges + 1), false},
		{"ChangePages", `{"size":1,"through":"e-1"}`, true}, {"ChangePages", `{"size":0,"through":"e-1"}`, false},
		{"Problem", problem(500), true}, {"Problem", problem(399), false}, {"Problem", problem(600), false},
		{"OperationResult", `{"status":"applied","arrayIndex":0}`, true}, {"OperationResult", `{"status":"applied","arrayIndex":-1}`, false},
		{"BatchResult", `{"room":"r","key":"k","epoch":"e","serverSeq":1,"duplicate":false,"results":[]}`, false},
		{"ReconnectEvent", `{"afterMs":0}`, true}, {"ReconnectEvent", `{"afterMs":-1}`, false},
		{"ProbeEvent", `{"n":1,"ms":0}`, true}, {"ProbeEvent", `{"n":0,"ms":0}`, false}, {"ProbeEvent", `{"n":1,"ms":-1}`, false},
	}
}

func repeat(text string, times int) []string {
	all := make([]string, times)
	for i := range all {
		all[i] = text
	}
	return all
}

// findWrongBounds compares the limits of values in responses with those of the server. It also checks that the rule of a
// header refuses values other than those received.
func findWrongBounds(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	for _, b := range bounds() {
		if err := c.strict.checkJSON("/components/schemas/"+b.schema, []byte(b.value)); (err == nil) != b.allowed {
			f.add("%s: %.100s is allowed: %v, want %v", b.schema, b.value, err == nil, b.allowed)
		}
	}
	seen := map[string]bool{}
	r.described(c, func(name string, e *exchange) {
		response, at := c.strict.resolve(pointerTo(pathOf(name)...) + "/responses/" + strconv.Itoa(e.status))
		described, _ := response["headers"].(map[string]any)
		for header := range described {
			value := e.header.Get(header)
			if _, headerAt := c.strict.resolve(at + "/headers/" + header); value != "" && !seen[headerAt] {
				seen[headerAt] = true
				for _, wrong := range []string{"W/" + value, value + "x", "0", "-1"} {
					if c.checkText(headerAt, wrong) == nil {
						f.add("%s allows %s, and a value of the server is %s", headerAt, wrong, value)
					}
				}
			}
		}
	})
	return found
}
