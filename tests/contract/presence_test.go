package contract

import "strings"

func testPresence(c client) {
	const room = "/v1/rooms/presence"
	c.get(200, room+"/presence").has("users", "[]")
	c.put(200, room+"/presence/ada", `{"displayName":"Ada","field":"title","meta":[1]}`).
		has("displayName", `"Ada"`).has("field", `"title"`).has("meta", "[1]").has("leaseMs", "15000")
	c.post(200, room+"/presence/ada", `{"field":"body"}`).has("displayName", `"Ada"`).has("field", `"body"`).has("leaseMs", "15000")
	c.put(200, room+"/presence/ada", `{}`).has("displayName", `"Ada"`).has("field", "").has("meta", "")
	c.put(200, room+"/presence/ada", `{"displayName":null,"field":null}`).has("displayName", "").has("field", "")
	c.put(200, room+"/presence/ada", `{"via":"bob"}`).has("via", "")
	c.put(200, room+"/presence/ada", `{"via":null}`)
	c.put(200, room+"/presence/a%2Fb", `{"meta":"x"}`).has("clientId", `"a/b"`)
	if users := c.get(200, room+"/presence").member("users"); strings.Count(users, `"clientId"`) != 2 {
		c.t.Errorf("users are %s", users)
	}

	c.put(400, room+"/presence/ada", `{`).isProblem("invalid_json")
	for _, body := range []string{
		`[]`, `{"field":1}`, `{"more":1}`, `{"displayName":"a\nb"}`, `{"field":"` + strings.Repeat("f", 1001) + `"}`,
		`{"meta":"` + strings.Repeat("m", 4096) + `"}`, `{"via":""}`, `{"via":["bob"]}`, `{"via":"ada"}`,
	} {
		c.put(422, room+"/presence/ada", body).isProblem("invalid_request")
	}
	c.put(413, room+"/presence/ada", `{"meta":"`+strings.Repeat("m", 16<<10)+`"}`).isProblem("body_too_large")
	c.put(415, room+"/presence/ada", `{}`, "Content-Type", "text/plain").isProblem("unsupported_media_type")
	c.post(400, room+"/presence/ada", `{`).isProblem("invalid_json")
	c.post(413, room+"/presence/ada", `{"meta":"`+strings.Repeat("m", 16<<10)+`"}`).isProblem("body_too_large")
	c.post(415, room+"/presence/ada", `{}`, "Content-Type", "text/plain").isProblem("unsupported_media_type")
	c.post(422, room+"/presence/ada", `[]`).isProblem("invalid_request")

	c.send(204, "DELETE", room+"/presence/ada", "")
	c.send(204, "DELETE", room+"/presence/ada", "")
	c.post(204, room+"/presence/a%2Fb/leave", "bye", "Content-Type", "text/plain;charset=UTF-8")
	c.post(204, room+"/presence/a%2Fb/leave", "")
	c.get(200, room+"/presence").has("users", "[]")
}
