package contract

import (
	"fmt"
	"strings"
	"testing"
)

// batch is a numbered batch of ada's that sets one member of the document `default`.
func batch(value string, clientSeq int) string {
	return batchOf(clientSeq, fmt.Sprintf(`{"path":"title","op":"set","value":%s}`, value))
}

func batchOf(clientSeq int, ops ...string) string {
	return fmt.Sprintf(`{"clientId":"ada","clientSeq":%d,"key":"default","ops":[%s]}`, clientSeq, strings.Join(ops, ","))
}

func testOperations(c client) {
	const address = "/v1/rooms/operations/ops"

	c.t.Run("every kind is accepted", func(t *testing.T) {
		c := c.on(t)
		c.post(200, address, batchOf(1,
			`{"path":"","op":"init","value":{"tasks":[]}}`,
			`{"path":"","op":"init","value":null}`,
			`{"path":"title","op":"set","value":null}`,
			`{"path":"title","op":"delete"}`,
			`{"path":"title","op":"delete"}`,
			`{"path":"tasks","op":"array_add","value":{"_sync_id":"a"}}`,
			`{"path":"tasks","op":"array_add","value":{"_sync_id":"b"},"arrayIndex":0}`,
			`{"path":"tasks[a]","op":"array_move","arrayIndex":-1}`,
			`{"path":"tasks[a].n","op":"set","value":1.50}`,
			`{"path":"tasks[b]","op":"set","value":{"_sync_id":"b","n":[1,2]}}`,
			`{"path":"tasks[b].n[x]","op":"array_del"}`,
			`{"path":"tasks[a]","op":"array_del"}`,
			`{"path":"tasks[a].n","op":"set","value":2}`,
			`{"path":"tasks","op":"array_add","value":{"_sync_id":"c"},"after":"b"}`,
			`{"path":"tasks[c]","op":"array_move","after":["gone",null]}`,
			`{"path":"tasks[c]","op":"array_move","to":"old"}`,
			`{"path":"tasks[c].n","op":"set","value":3}`,
		)).has("serverSeq", "1").has("duplicate", "false").has("ops", "").has("results", `[`+strings.Join([]string{
			`{"status":"applied"}`,
			`{"status":"discarded","reason":"exists"}`,
			`{"status":"applied"}`,
			`{"status":"applied"}`,
			`{"status":"discarded","reason":"not_found"}`,
			`{"status":"applied","arrayIndex":0}`,
			`{"status":"applied","arrayIndex":0}`,
			`{"status":"applied","arrayIndex":0}`,
			`{"status":"applied"}`,
			`{"status":"applied"}`,
			`{"status":"discarded","reason":"type_mismatch"}`,
			`{"status":"applied"}`,
			`{"status":"discarded","reason":"item_deleted"}`,
			`{"status":"applied","arrayIndex":1}`,
			`{"status":"applied","arrayIndex":0}`,
			`{"status":"applied","arrayIndex":0}`,
			`{"status":"applied"}`,
		}, ",")+`]`)
	})

	c.t.Run("ids that the server assigns are returned", func(t *testing.T) {
		c := c.on(t)
		a := c.post(200, address, batchOf(2, `{"path":"made","op":"array_add","value":{}}`, `{"path":"made","op":"delete"}`))
		if ops := a.member("ops"); !strings.Contains(ops, `"_sync_id"`) || !strings.Contains(ops, `"delete"`) {
			t.Errorf("ops is %s", ops)
		}
	})

	c.t.Run("a repeated batch is a duplicate", func(t *testing.T) {
		c := c.on(t)
		first := c.post(200, address, batch(`"one"`, 3))
		c.post(200, address, batch(`"one"`, 3)).has("duplicate", "true").has("serverSeq", first.member("serverSeq"))
		c.post(409, address, batch(`"two"`, 3)).isProblem("client_seq_reused")
		c.post(200, address, `{"clientId":"ada","key":"default","ops":[{"path":"n","op":"set","value":1}]}`)
	})

	c.t.Run("batches of a client take effect in the order of their numbers", func(t *testing.T) {
		c := c.on(t)
		at := "/v1/rooms/order/ops"
		after := func(previous, clientSeq int) string {
			return strings.Replace(batch("1", clientSeq), `"key"`, fmt.Sprintf(`"previousClientSeq":%d,"key"`, previous), 1)
		}
		c.post(200, at, batch("1", 1))
		c.post(200, at, after(1, 4))
		c.post(409, at, batch("1", 3)).isProblem("client_seq_passed")
		c.post(200, at, after(1, 4)).has("duplicate", "true")
		c.post(422, at, after(5, 5)).isProblem("invalid_request")
	})

	c.t.Run("a body that is not JSON is rejected", func(t *testing.T) {
		for _, body := range []string{
			`{`, `{}x`, "\ufeff{}", `{"a":1,"a":1}`, `{"a":1e999}`, `{"__proto__":1}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}",
			strings.Repeat("[", 10_000),
		} {
			c.on(t).post(400, address, body).isProblem("invalid_json")
		}
	})

	c.t.Run("a body that is not a batch is rejected", func(t *testing.T) {
		for body, pointer := range map[string]string{
			`[]`: "",
			`{"clientId":"a","key":"k","ops":[],"more":1}`:         "",
			`{"key":"k","ops":[{"path":"a","op":"delete"}]}`:       "/clientId",
			`{"clientId":"a","ops":[{"path":"a","op":"delete"}]}`:  "/key",
			`{"clientId":"a","key":"k","ops":[]}`:                  "/ops",
			`{"clientId":"a","key":"k","clientSeq":-1,"ops":[{}]}`: "/clientSeq",
			`{"clientId":"a","key":"k","clientSeq":1.5,"ops":[]}`:  "/clientSeq",
			batchOf(9, `1`): "/ops/0",
			batchOf(9, `{"path":"a..b","op":"delete"}`):               "/ops/0/path",
			batchOf(9, `{"op":"delete"}`):                             "/ops/0/path",
			batchOf(9, `{"path":"a","op":"upsert"}`):                  "/ops/0",
			batchOf(9, `{"path":"a","op":"set"}`):                     "/ops/0",
			batchOf(9, `{"path":"a[x]","op":"delete"}`):               "/ops/0",
			batchOf(9, `{"path":"a","op":"array_del"}`):               "/ops/0",
			batchOf(9, `{"path":"a[x]","op":"array_move"}`):           "/ops/0",
			batchOf(9, `{"path":"a","op":"array_add","value":1}`):     "/ops/0",
			batchOf(9, `{"path":"a","op":"init","value":1}`):          "/ops/0",
			batchOf(9, `{"path":"a","op":"delete","arrayIndex":"0"}`): "/ops/0/arrayIndex",
		} {
			a := c.on(t).post(422, address, body).isProblem("invalid_request")
			if !strings.Contains(a.member("errors"), `"pointer":"`+pointer+`"`) {
				t.Errorf("%s: errors are %s, want one at %q", body, a.member("errors"), pointer)
			}
		}
		many := strings.Repeat(`{"path":"a","op":"delete"},`, 1000) + `{"path":"a","op":"delete"}`
		c.on(t).post(422, address, batchOf(9, many)).isProblem("invalid_request")
	})

	c.t.Run("a body is plain JSON of at most 1 MiB", func(t *testing.T) {
		c := c.on(t)
		for _, kind := range []string{"text/plain", "text/json", "application/ld+json", "application/json; charset=latin1", "application/json; charset=utf-16"} {
			c.post(415, address, batch("1", 9), "Content-Type", kind).isProblem("unsupported_media_type")
		}
		for _, kind := range []string{"application/json; charset=utf-8", `Application/JSON;Charset="UTF-8"`} {
			c.post(422, address, "[]", "Content-Type", kind).isProblem("invalid_request")
		}
		c.post(415, address, batch("1", 9), "Content-Encoding", "gzip").isProblem("unsupported_media_type")
		c.post(413, address, batch(`"`+strings.Repeat("x", 1<<20)+`"`, 9)).isProblem("body_too_large")
	})
}
