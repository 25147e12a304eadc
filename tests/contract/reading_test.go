package contract

import (
	"fmt"
	"strings"
)

func testReading(c client) {
	const room = "/v1/rooms/reading"
	c.get(200, room).has("serverSeq", "0").has("stores", "{}")
	c.get(404, room+"/stores/default").isProblem("store_not_found")
	c.post(200, room+"/ops", batch(`"Launch"`, 1))
	c.post(200, room+"/ops", `{"clientId":"ada","key":"a/b","ops":[{"path":"","op":"set","value":null}]}`)

	whole := c.get(200, room).has("serverSeq", "2").
		has("stores", `{"a/b":{"serverSeq":2,"state":null},"default":{"serverSeq":1,"state":{"title":"Launch"}}}`)
	store := c.get(200, room+"/stores/default").has("serverSeq", "1").has("state", `{"title":"Launch"}`)
	c.get(200, room+"/stores/a%2Fb").has("key", `"a/b"`).has("state", "null")

	for path, a := range map[string]answer{room: whole, room + "/stores/default": store} {
		tag := a.header.Get("ETag")
		if want := fmt.Sprintf(`"%s-%s"`, strings.Trim(a.member("epoch"), `"`), a.member("serverSeq")); tag != want {
			c.t.Errorf("%s has ETag %s, want %s", path, tag, want)
		}
		for _, match := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			c.get(304, path, "If-None-Match", match)
		}
		c.get(200, path, "If-None-Match", `"other"`)
	}
}

func testChanges(c client) {
	const room = "/v1/rooms/changes"
	empty := c.get(200, room+"/changes").has("changes", "[]").has("upToDate", "true")
	epoch := strings.Trim(empty.member("epoch"), `"`)
	for n := 1; n <= 3; n++ {
		c.post(200, room+"/ops", batch(fmt.Sprint(n), n))
	}
	c.post(200, room+"/ops", batchOf(4, `{"path":"gone","op":"delete"}`)) // no op takes effect; the batch still counts

	first := c.get(200, room+"/changes?limit=2").has("upToDate", "false").has("next", `"`+epoch+`-2"`)
	c.get(200, room+"/changes?after="+strings.Trim(first.member("next"), `"`)).
		has("upToDate", "true").has("next", `"`+epoch+`-4"`)
	c.get(200, room+"/changes?wait=30&after="+epoch+"-3")
	c.get(200, room+"/changes?after="+epoch+"-0&limit=1000")

	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "wait=-1", "wait=61"} {
		c.get(400, room+"/changes?"+query).isProblem("invalid_parameter")
	}
	for _, position := range malformed {
		c.get(400, room+"/changes?after="+position).isProblem("invalid_event_id")
	}
	c.get(410, room+"/changes?after="+epoch+"-5").isProblem("position_gone")
	c.get(410, room+"/changes?after=other-1").isProblem("position_gone")
}

// malformed are texts that are not event ids, escaped for a query.
var malformed = []string{
	"x", "-1", "e-", "e-x", "e--1", "e-9223372036854775808", "%C3%A4-1", "e-1%0A", strings.Repeat("e", 63) + "-1",
}
