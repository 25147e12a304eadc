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

func testAnswersThatCachesKeep(c client) {
	const room = "/v1/rooms/kept"
	epoch := strings.Trim(c.get(200, room).member("epoch"), `"`)
	for n := 1; n <= 101; n++ {
		c.post(200, room+"/ops", batch(fmt.Sprint(n), n))
	}
	first := c.get(200, room+"/changes?cursor=0&after="+epoch+"-0").
		has("next", `"`+epoch+`-100"`).has("upToDate", "false")
	if cursor := first.member("cursor"); cursor == "" {
		c.t.Errorf("the answer to a cursor has none: %.300s", first.body)
	}
	c.get(200, room+"/changes?limit=10").has("pages", `{"size":100,"through":"`+epoch+`-100"}`)
	c.get(200, room+"/changes?cursor=9007199254740990&after="+epoch+"-101").has("cursor", "9007199254740991")

	closed := room + "/changes?after=" + epoch + "-1&until=" + epoch + "-100"
	page := c.get(200, closed).has("next", `"`+epoch+`-100"`).has("upToDate", "false")
	c.get(304, closed, "If-None-Match", page.header.Get("ETag"))
	c.get(404, room+"/changes?after="+epoch+"-1&until="+epoch+"-102").isProblem("not_yet")
	c.get(410, room+"/changes?after=other-1&until=other-2").isProblem("position_gone")
	for _, query := range []string{
		"cursor=-1", "cursor=x", "cursor=9007199254740991", "until=" + epoch + "-5",
		"after=" + epoch + "-5&until=" + epoch + "-5", "after=other-4&until=" + epoch + "-5",
		"after=" + epoch + "-1&until=" + epoch + "-5&limit=2",
	} {
		c.get(400, room+"/changes?"+query).isProblem("invalid_parameter")
	}
	c.get(400, room+"/changes?after="+epoch+"-1&until=x").isProblem("invalid_event_id")

	at := room + "?at=" + epoch
	version := c.get(200, at+"-101").has("serverSeq", "101")
	c.get(304, at+"-101", "If-None-Match", version.header.Get("ETag"))
	c.get(404, at+"-102").isProblem("not_yet")
	c.get(410, at+"-100").isProblem("position_gone")
	c.get(410, room+"?at=other-101").isProblem("position_gone")
	c.get(400, room+"?at=x").isProblem("invalid_event_id")
	c.get(400, room+"?at=%zz").isProblem("invalid_parameter")
}

// malformed are texts that are not event ids, escaped for a query.
var malformed = []string{
	"x", "-1", "e-", "e-x", "e--1", "e-9223372036854775808", "%C3%A4-1", "e-1%0A", strings.Repeat("e", 63) + "-1",
}
