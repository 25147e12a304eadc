package httpapi_test

import (
	"bufio"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pathsync/pathsync/auth"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/httpapi/limit"
	"github.com/pathsync/pathsync/httpapi/problem"
)

const (
	write     = `{"clientId":"mallory","key":"default","ops":[{"op":"set","path":"treasure","value":"stolen"}]}`
	seven     = "/v1/rooms/board-7"
	eight     = "/v1/rooms/board-8"
	editor    = `{"rooms":[{"match":"board-*","read":true,"write":true,"presence":true}]}`
	onlyReads = `{"rooms":[{"match":"board-*","read":true}]}`
)

// everyRequest sends a request to every route of a room.
func everyRequest(c client, room string) []answer {
	return []answer{
		c.get(room), c.get(room + "/events?clientId=mallory"), c.get(room + "/changes"), c.get(room + "/stores/default"),
		c.get(room + "/presence"), c.post(room+"/ops", write), c.put(room+"/presence/mallory", `{}`),
		c.delete(room + "/presence/mallory"), c.post(room+"/presence/mallory/leave", ""),
	}
}

// startProtected starts a server that requires tokens, with documents in the rooms board-7 and board-8 that must not change.
func startProtected(t *testing.T, settings ...setting) (s *server, unchanged func()) {
	t.Helper()
	s = start(t, append([]setting{guarded}, settings...)...)
	owner := s.by("owner", editor)
	owner.set("board-7", "treasure", "1")
	owner.set("board-8", "treasure", "1")
	before := owner.state("board-7") + owner.state("board-8")
	return s, func() {
		t.Helper()
		if after := owner.state("board-7") + owner.state("board-8"); after != before {
			t.Errorf("the attack changed\n%s to\n%s", before, after)
		}
		owner.get(seven + "/presence").says(`{"room":"board-7","users":[]}`)
	}
}

// refusesToken expects that every request with a token is refused, and that the token does not make it anonymous.
func refusesToken(t *testing.T, s *server, unchanged func(), token string) {
	t.Helper()
	for _, a := range everyRequest(s.with(token), seven) {
		a.problem(401, problem.Unauthenticated)
		if challenge := a.header.Get("WWW-Authenticate"); challenge != `Bearer realm="pathsync", error="invalid_token"` {
			t.Errorf("%s: the challenge is %q", a.what, challenge)
		}
	}
	unchanged()
}

func claimsOf(user string, exp time.Time) jwt.MapClaims {
	return jwt.MapClaims{"sub": user, "exp": exp.Unix(), "pathsync": raw(editor)}
}

func soon() time.Time { return time.Now().Add(time.Hour) }

func TestEveryRouteOfV1RequiresAToken(t *testing.T) {
	s, unchanged := startProtected(t)
	asked := 0
	for _, route := range s.api.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if !strings.HasPrefix(path, "/v1/") || strings.HasPrefix(path, "/v1/probe") { // needs no authentication
			continue
		}
		asked++
		path = strings.NewReplacer("{room}", "board-7", "{key}", "default", "{clientId}", "mallory").Replace(path)
		a := s.send(method, path, strings.NewReader(write)).is(401).has("WWW-Authenticate", `Bearer realm="pathsync"`)
		if method != http.MethodHead {
			a.problem(401, problem.Unauthenticated)
		}
	}
	if asked < 11 {
		t.Errorf("only %d addresses were tried", asked)
	}
	unchanged()
}

func TestTokenWithAlgNoneIsRefused(t *testing.T) {
	s, unchanged := startProtected(t)
	none := signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claimsOf("owner", soon()))
	refusesToken(t, s, unchanged, none)
	good := strings.Split(newToken("owner", editor, time.Hour), ".")
	for _, alg := range []string{"none", "None", "nOnE", ""} {
		header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + alg + `"}`))
		refusesToken(t, s, unchanged, header+"."+good[1]+".")
		refusesToken(t, s, unchanged, header+"."+good[1]+"."+good[2])
	}
}

func TestTokenOfAnotherKeyIsRefused(t *testing.T) {
	s, unchanged := startProtected(t)
	refusesToken(t, s, unchanged, signed(jwt.SigningMethodHS256, []byte("another secret, which is long enough too"), claimsOf("owner", soon())))
	good := strings.Split(newToken("mallory", onlyReads, time.Hour), ".")
	forged := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"owner","exp":99999999999,"pathsync":` + editor + `}`))
	refusesToken(t, s, unchanged, good[0]+"."+forged+"."+good[2])
}

func TestTokenSignedWithThePublicKeyAsSecretIsRefused(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	s := start(t, func(p *parts) { p.api.Auth = verifies(auth.Config{PublicKey: public}) })
	s.with(signed(jwt.SigningMethodRS256, key, claimsOf("owner", soon()))).get(seven).is(200)
	for _, secret := range [][]byte{public, der, []byte(strings.TrimSpace(string(public)))} {
		refusesToken(t, s, func() {}, signed(jwt.SigningMethodHS256, secret, claimsOf("owner", soon())))
	}
}

func TestTokenOutsideOfItsValidityIsRefused(t *testing.T) {
	s, unchanged := startProtected(t)
	refusesToken(t, s, unchanged, newToken("owner", editor, -time.Minute))
	early := claimsOf("owner", soon())
	early["nbf"] = time.Now().Add(time.Minute).Unix()
	refusesToken(t, s, unchanged, signed(jwt.SigningMethodHS256, []byte(signingKey), early))
	endless := claimsOf("owner", soon())
	delete(endless, "exp")
	refusesToken(t, s, unchanged, signed(jwt.SigningMethodHS256, []byte(signingKey), endless))
}

func TestMalformedTokenIsRefused(t *testing.T) {
	s, unchanged := startProtected(t)
	for _, text := range []string{"x", "a.b.c", "..", "null", strings.Repeat("x", 20<<10), newToken("owner", editor, time.Hour) + "x"} {
		refusesToken(t, s, unchanged, text)
	}
	good := newToken("owner", editor, time.Hour)
	for _, header := range []string{"Basic b3duZXI6", "Bearer", "Bearer ", "Token " + good, good, "Bearer\t" + good, "Bearer " + good + " x", "Bearer " + good + ", Bearer " + good} {
		s.get(seven, "Authorization", header).problem(401, problem.Unauthenticated)
	}
	conn := s.raw(t, "GET "+seven+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+good+"\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	read(t, "two tokens", resp).problem(401, problem.Unauthenticated)
	s.get(seven, "Cookie", "__Host-pathsync=x; __Host-pathsync="+good).problem(401, problem.Unauthenticated)
	s.get(seven, "Cookie", "pathsync="+good).problem(401, problem.Unauthenticated)
	s.get(seven, "Authorization", "Bearer x", "Cookie", "__Host-pathsync="+good).problem(401, problem.Unauthenticated)
	unchanged()
}

func TestTokenInACookieIsAccepted(t *testing.T) {
	s, _ := startProtected(t)
	s.get(seven, "Cookie", "a=b; __Host-pathsync="+newToken("ann", onlyReads, time.Hour)).is(200)
	s.open(seven+"/events", "Cookie", "__Host-pathsync="+newToken("ann", onlyReads, time.Hour)).live()
}

func TestTokenInTheURLIsRefused(t *testing.T) {
	s, unchanged := startProtected(t)
	good := newToken("owner", editor, time.Hour)
	for _, name := range []string{"token", "access_token", "Access_Token", "jwt", "id_token", "authorization", "bearer", "x", "ticket", "clientId"} {
		for _, path := range []string{seven, seven + "/events", seven + "/changes"} {
			s.get(path+"?"+name+"="+good).problem(401, problem.Unauthenticated)
			s.with(good).get(path+"?a=b&"+name+"="+good).problem(401, problem.Unauthenticated)
		}
	}
	unchanged()
}

func TestTokenForOtherRoomsIsForbidden(t *testing.T) {
	s, unchanged := startProtected(t)
	for _, claim := range []string{
		``, `{}`, `{"rooms":[]}`, `{"rooms":[{"room":"board-8","read":true,"write":true,"presence":true}]}`,
		`{"rooms":[{"match":"board-7?","read":true,"write":true,"presence":true}]}`,
		`{"rooms":[{"room":"board-*","read":true,"write":true,"presence":true}]}`,
		`{"rooms":[{"match":"Board-*","read":true,"write":true,"presence":true}]}`,
		`{"rooms":[{"match":"*-8","read":true,"write":true,"presence":true}]}`,
	} {
		if claim == "" {
			claim = "null"
		}
		for _, a := range everyRequest(s.by("mallory", claim), seven) {
			a.problem(403, problem.Forbidden)
		}
		s.by("mallory", claim).post("/v1/tickets", `{"room":"board-7"}`).problem(403, problem.Forbidden)
	}
	unchanged()
}

// Patterns are compared with the decoded name, which is decoded once and not normalized.
func TestEncodedSlashesAndDotsDoNotReachOtherRooms(t *testing.T) {
	s, unchanged := startProtected(t)
	mallory := s.by("mallory", `{"rooms":[{"match":"team/*","read":true,"write":true,"presence":true}]}`)
	for path, room := range map[string]string{
		"team%2Fa": "team/a", "team%2F..%2Fboard-7": "team/../board-7", "team%2F%2e%2e%2Fboard-8": "team/../board-8",
		"team%2F%2Fboard-7": "team//board-7", "team%2Fa%252F": "team/a%2F",
	} {
		mallory.get("/v1/rooms/" + path).is(200).says(`{"room":"` + room + `","epoch":"history1","serverSeq":0,"stores":{}}`)
		mallory.ops(path, `{"op":"init","path":"","value":1}`).is(200)
	}
	for _, path := range []string{"board-7", "team%252Fa", "team", "Team%2Fa", "team%EF%BC%8Fa", "team%5Ca", "%2Fteam%2Fa", "..%2Fteam%2Fa", "board-7%2Fteam%2F"} {
		mallory.get("/v1/rooms/"+path).problem(403, problem.Forbidden)
		mallory.post("/v1/rooms/"+path+"/ops", write).problem(403, problem.Forbidden)
	}
	good := newToken("mallory", `{"rooms":[{"match":"team/*","read":true,"write":true}]}`, time.Hour)
	for path, status := range map[string]int{
		"/v1/rooms/team/../board-7": 404, "/v1/rooms/team/a/../../board-7": 404, "/v1/rooms/team%2F../board-7": 404,
		"/v1/rooms/..": 422, "/v1/rooms/%2e%2e/ops": 405, "/v1/rooms/team%2Fa%00": 422, "/v1/rooms/team%2Fa%0d%0a": 422,
	} {
		conn := s.raw(t, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "+good+"\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		read(t, path, resp).is(status)
	}
	unchanged()
}

func TestReadPermissionAllowsNeitherWritingNorPresence(t *testing.T) {
	s, unchanged := startProtected(t)
	ann := s.by("ann", onlyReads)
	for _, a := range []answer{
		ann.post(seven+"/ops", write), ann.put(seven+"/presence/ann", `{}`), ann.delete(seven + "/presence/ann"), ann.post(seven+"/presence/ann/leave", ""),
	} {
		a.problem(403, problem.Forbidden)
	}
	ann.open(seven + "/events?clientId=ann&displayName=Ann").live() // she follows the room unseen
	ann.get(seven + "/changes").is(200)
	unchanged()
}

func TestWritePermissionDoesNotAllowReading(t *testing.T) {
	s, _ := startProtected(t)
	sensor := s.by("sensor", `{"rooms":[{"room":"board-7","write":true}]}`)
	sensor.post(seven+"/ops", write).is(200)
	for _, path := range []string{"", "/events", "/changes", "/stores/default", "/presence"} {
		sensor.get(seven+path).problem(403, problem.Forbidden)
	}
}

func TestReadOnlyPartIsProtectedFromChangesOfItsParents(t *testing.T) {
	s, _ := startProtected(t)
	s.by("owner", editor).post(eight+"/ops", `{"clientId":"o","key":"default","ops":[{"op":"set","path":"","value":{"plan":{"budget":{"total":1},"title":"a"},"tasks":[{"_sync_id":"t1","cost":1}]}}]}`).is(200)
	before := s.by("owner", editor).state("board-8")
	ann := s.by("ann", `{"rooms":[{"match":"*","read":true,"write":true}],"readOnly":[
		{"key":"default","path":"plan.budget"},{"key":"default","path":"tasks[t1].cost"},{"key":"set*"},{"match":"archive-*"}]}`)
	post := func(room, key, ops string) answer {
		return ann.post("/v1/rooms/"+room+"/ops", `{"clientId":"anns","key":"`+key+`","ops":[`+ops+`]}`)
	}
	for _, op := range []string{
		`{"op":"set","path":"plan.budget","value":2}`,
		`{"op":"set","path":"plan.budget.total","value":2}`,
		`{"op":"set","path":"plan","value":{}}`,
		`{"op":"set","path":"","value":{}}`,
		`{"op":"delete","path":"plan"}`,
		`{"op":"delete","path":"plan.budget.total"}`,
		`{"op":"init","path":"","value":{}}`,
		`{"op":"array_add","path":"plan.budget","value":{}}`,
		`{"op":"array_add","path":"","value":{}}`,
		`{"op":"set","path":"tasks","value":[]}`,
		`{"op":"set","path":"tasks[t1]","value":{}}`,
		`{"op":"set","path":"tasks[t1].cost","value":2}`,
		`{"op":"array_del","path":"tasks[t1]"}`,
		`{"op":"array_move","path":"tasks[t1]","arrayIndex":0}`,
		`{"op":"array_add","path":"tasks","value":{"_sync_id":"t1"}}`,
	} {
		// The valid op before it has no effect either.
		p := post("board-8", "default", `{"op":"set","path":"plan.title","value":"b"},`+op).problem(403, problem.Forbidden)
		faults(t, p, "/ops/1")
	}
	for _, key := range []string{"settings", "set"} {
		post("board-8", key, `{"op":"init","path":"","value":1}`).problem(403, problem.Forbidden)
	}
	post("archive-1", "default", `{"op":"init","path":"","value":1}`).problem(403, problem.Forbidden)
	if after := s.by("owner", editor).state("board-8"); after != before {
		t.Errorf("what is read-only was changed from\n%s to\n%s", before, after)
	}
	post("board-8", "default", `{"op":"set","path":"plan.title","value":"b"},{"op":"array_add","path":"tasks","value":{"_sync_id":"t2"}}`).is(200)
	post("board-8", "notes", `{"op":"set","path":"","value":{}}`).is(200)
}

func ticketOf(t *testing.T, c client, room string) string {
	t.Helper()
	_, rest, _ := strings.Cut(c.post("/v1/tickets", `{"room":"`+room+`"}`).is(200).has("Cache-Control", "no-store").body, `"ticket":"`)
	text, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatal("there is no ticket in the answer")
	}
	return text
}

func TestTicketIsValidOnce(t *testing.T) {
	s, _ := startProtected(t)
	ticket := ticketOf(t, s.by("ann", editor), "board-7")
	s.open(seven + "/events?clientId=ann&ticket=" + ticket).live()
	for range 3 {
		s.get(seven+"/events?clientId=ann&ticket="+ticket).problem(401, problem.Unauthenticated)
	}
	for _, made := range []string{"x", strings.ToLower(ticket), ticket[1:], ticket + "A", "%00", strings.Repeat("A", 26)} {
		s.get(seven+"/events?ticket="+made).problem(401, problem.Unauthenticated)
	}
}

func TestTicketOfAnotherRoomIsRefused(t *testing.T) {
	s, unchanged := startProtected(t)
	ticket := ticketOf(t, s.by("ann", editor), "board-8")
	s.get(seven+"/events?ticket="+ticket).problem(401, problem.Unauthenticated)
	s.get(eight+"/events?ticket="+ticket).problem(401, problem.Unauthenticated) // and it is used up
	unchanged()
}

func TestTicketOpensOnlyStreams(t *testing.T) {
	s, unchanged := startProtected(t)
	for _, path := range []string{"", "/changes", "/stores/default", "/presence"} {
		s.get(seven+path+"?ticket="+ticketOf(t, s.by("ann", editor), "board-7")).problem(401, problem.Unauthenticated)
	}
	s.post(seven+"/ops?ticket="+ticketOf(t, s.by("ann", editor), "board-7"), write).problem(401, problem.Unauthenticated)
	s.post("/v1/tickets?ticket="+ticketOf(t, s.by("ann", editor), "board-7"), `{"room":"board-7"}`).problem(401, problem.Unauthenticated)
	unchanged()
}

func TestTicketExpiresAfter30SecondsAndItsStreamWithTheToken(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		ann := s.with(newToken("ann", onlyReads, time.Minute))
		late, soon := ticketOf(t, ann, "board-7"), ticketOf(t, ann, "board-7")
		time.Sleep(29 * time.Second)
		r := s.open(seven + "/events?ticket=" + soon).live()
		time.Sleep(time.Second)
		s.get(seven+"/events?ticket="+late).problem(401, problem.Unauthenticated)
		r.expires(t)
		if now := time.Now().Unix(); now != 946684800+60 {
			t.Errorf("the stream ended %d s after the beginning, want 60", now-946684800)
		}
	}, guarded)
}

func TestTicketsOfAUserAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		mallory := s.by("mallory", editor)
		for range 100 {
			ticketOf(t, mallory, "board-7")
		}
		mallory.post("/v1/tickets", `{"room":"board-7"}`).problem(503, problem.Overloaded)
		ticketOf(t, s.by("ann", editor), "board-7")
		time.Sleep(30 * time.Second)
		ticketOf(t, mallory, "board-7")
	}, guarded)
}

func TestClientOfAnotherUserIsForbidden(t *testing.T) {
	store := memstore.New()
	batchOf := func(seq string) string {
		return `{"clientId":"anns","clientSeq":` + seq + `,"key":"default","ops":[{"op":"set","path":"x","value":` + seq + `}]}`
	}
	attack := func(t *testing.T, s *server) {
		t.Helper()
		mallory := s.by("mallory", editor)
		for _, a := range []answer{
			mallory.post(seven+"/ops", batchOf("1")), // not even to look at the first answer
			mallory.post(seven+"/ops", batchOf("9")),
			mallory.post(seven+"/ops", strings.Replace(batchOf("9"), `"clientSeq":9,`, "", 1)),
			mallory.get(seven + "/events?clientId=anns"),
			mallory.put(seven+"/presence/anns", `{"displayName":"Ann"}`),
		} {
			a.problem(403, problem.Forbidden)
		}
		s.by("ghost", onlyReads).get(seven+"/events?clientId=anns").problem(403, problem.Forbidden)
	}
	t.Run("while she is there", func(t *testing.T) {
		s := start(t, guarded, func(p *parts) { p.store = store })
		ann := s.by("ann", editor)
		r := ann.open(seven + "/events?clientId=anns").live()
		ann.post(seven+"/ops", batchOf("1")).is(200)
		attack(t, s)
		mallory := s.by("mallory", editor)
		mallory.delete(seven+"/presence/anns").problem(403, problem.Forbidden)
		mallory.post(seven+"/presence/anns/leave", "").problem(403, problem.Forbidden)
		mallory.post(seven+"/events/anns/token", "").problem(403, problem.Forbidden)
		ann.post(seven+"/ops", batchOf("2")).is(200)
		r.until("delta")
		if deltas := r.until("delta"); !strings.Contains(deltas[len(deltas)-1].data, `"clientSeq":2`) {
			t.Errorf("her stream did not go on: %v", deltas)
		}
		mallory.ops("board-8", `{"op":"init","path":"","value":1}`).is(200) // not used in this room
	})
	t.Run("after a restart, by the log", func(t *testing.T) {
		s := start(t, guarded, func(p *parts) { p.store = store })
		attack(t, s)
		s.by("ann", editor).post(seven+"/ops", batchOf("3")).is(200)
	})
}

func TestUserComesFromTheTokenOnly(t *testing.T) {
	s, _ := startProtected(t)
	ann, owner := s.by("ann", editor), s.by("owner", editor)
	r := owner.open(seven + "/events").live()
	ann.put(seven+"/presence/tab", `{"displayName":"Ann"}`).is(200)
	if e := r.until("presence-change"); !strings.Contains(e[len(e)-1].data, `"clientId":"tab","userId":"ann"`) {
		t.Errorf("%v", e)
	}
	ann.post(seven+"/ops", strings.Replace(write, "mallory", "tab", 1)).is(200)
	if e := r.until("delta"); !strings.Contains(e[len(e)-1].data, `"userId":"ann"`) {
		t.Errorf("%v", e)
	}
	if changes := owner.get(seven + "/changes").is(200).body; !strings.Contains(changes, `"userId":"ann"`) {
		t.Errorf("%s", changes)
	}
	faults(t, ann.put(seven+"/presence/tab", `{"userId":"owner"}`).problem(422, problem.InvalidRequest), "")
	faults(t, ann.post(seven+"/ops", strings.Replace(write, `"key"`, `"userId":"owner","key"`, 1)).problem(422, problem.InvalidRequest), "")
	for _, header := range []string{"X-User", "X-Forwarded-User", "Remote-User", "X-User-Id"} {
		if body := ann.send(http.MethodPut, seven+"/presence/tab", strings.NewReader(`{}`), header, "owner").is(200).body; !strings.Contains(body, `"userId":"ann"`) {
			t.Errorf("%s: %s", header, body)
		}
	}
}

func TestCredentialsCannotInjectHeaders(t *testing.T) {
	s, unchanged := startProtected(t)
	for _, injected := range []string{
		"Authorization: Bearer x\rSet-Cookie: a=b", "Authorization: Bearer x\" error=\"\r\nX-Request-Id: a\x00b", "Cookie: __Host-pathsync=\"x\r\n Set-Cookie: a=b\"",
		"Authorization: Bearer %0d%0aSet-Cookie:%20a=b",
	} {
		conn := s.raw(t, "GET "+seven+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+injected+"\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.Header.Get("Set-Cookie") != "" || resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: %s, %v", injected, resp.Status, resp.Header)
		}
	}
	for _, sub := range []string{"a\r\nSet-Cookie: a=b", "a\nb", "a\x00", "\x1b[2J"} {
		refusesToken(t, s, unchanged, signed(jwt.SigningMethodHS256, []byte(signingKey), claimsOf(sub, soon())))
	}
}

func TestTokenIsNotLogged(t *testing.T) {
	var log lines
	h := slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})
	s := start(t, guarded, into(h), func(p *parts) { p.api.AccessLog = slog.New(h) })
	good, bad := newToken("ann", editor, time.Hour), newToken("ann", `{"rooms":1}`, time.Hour)
	ticket := ticketOf(t, s.with(good), "board-7")
	s.store.fail(errAway)
	for _, text := range []string{good, bad} {
		for _, c := range []client{s.with(text), s.client} {
			everyRequest(c, "/v1/rooms/cold")
			c.get("/v1/rooms/cold?token=" + text)
			c.get("/v1/rooms/cold", "Cookie", "__Host-pathsync="+text)
			c.get("/v1/rooms/cold/events?ticket=" + text)
			c.get("/v1/rooms/cold/events?clientId=" + text)
		}
	}
	s.get("/v1/rooms/board-7/events?ticket=" + ticket)
	s.store.recover()
	all := strings.Join(log.all(), "\n")
	if !strings.Contains(all, "cannot be opened") || !strings.Contains(all, " user=ann ") {
		t.Fatalf("nothing went wrong, or ann is not named: %s", all)
	}
	for _, secret := range append(strings.Split(good+"."+bad, "."), ticket, signingKey) {
		if len(secret) > 8 && secret != strings.Split(good, ".")[0] && strings.Contains(all, secret) || strings.Contains(all, "eyJ") {
			t.Errorf("%q is in the log:\n%s", secret, all)
		}
	}
}

// expires reads a stream until its token expires.
func (r *reader) expires(t *testing.T) {
	t.Helper()
	events := r.until("problem")
	if p := parseProblem(t, events[len(events)-1].data); p.Code != problem.TokenExpired || !p.Retryable || p.Status != 401 {
		t.Errorf("%+v", p)
	}
	r.ends()
}

func TestStreamEndsWhenItsTokenExpires(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		for _, query := range []string{"", "?clientId=ann"} {
			began := time.Now()
			s.with(newToken("ann", editor, 90*time.Second)).open(seven + "/events" + query).expires(t)
			if open := time.Since(began); open != 90*time.Second {
				t.Errorf("the stream ended after %v", open)
			}
		}
	}, guarded)
}

// Requests allow for clock skew. Streams do not: they would continue with an expired token.
func TestJustExpiredTokenOpensNoStream(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		ann := s.with(newToken("ann", editor, -10*time.Second))
		ann.get(seven).is(200)
		ann.get(seven+"/events").problem(401, problem.Unauthenticated)
		s.by("ann", editor).open(seven + "/events?clientId=ann").live()
		ann.post(seven+"/events/ann/token", "").problem(401, problem.Unauthenticated)
	}, guarded)
}

func TestStreamContinuesWithANewToken(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		began := time.Now()
		r := s.with(newToken("ann", editor, time.Minute)).open(seven + "/events?clientId=ann").live()
		for minute := range 5 {
			time.Sleep(50 * time.Second)
			s.with(newToken("ann", editor, time.Duration(60+minute)*time.Second)).post(seven+"/events/ann/token", "").is(204)
		}
		s.by("owner", editor).set("board-7", "x", "1")
		r.until("delta")
		r.expires(t)
		if open := time.Since(began); open != 314*time.Second {
			t.Errorf("the stream ended after %v", open)
		}
		synctest.Wait() // the server has closed it
		s.by("ann", editor).post(seven+"/events/ann/token", "").problem(404, problem.StreamNotFound)
	}, guarded)
}

func TestNewTokenWithFewerPermissionsEndsTheStream(t *testing.T) {
	for name, less := range map[string]string{
		"nothing": `{}`, "another room": `{"rooms":[{"room":"board-8","read":true,"presence":true}]}`,
		"not to read": `{"rooms":[{"room":"board-7","write":true,"presence":true}]}`, "not to be present": onlyReads,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				r := s.by("ann", editor).open(seven + "/events?clientId=ann").live()
				s.by("ann", less).post(seven+"/events/ann/token", "").problem(403, problem.Forbidden)
				events := r.until("problem")
				if p := parseProblem(t, events[len(events)-1].data); p.Code != problem.Forbidden || p.Retryable {
					t.Errorf("%+v", p)
				}
				r.ends()
			}, guarded)
		})
	}
}

func TestRefusedNewTokenDoesNotChangeTheStream(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		began := time.Now()
		r := s.with(newToken("ann", editor, time.Minute)).open(seven + "/events?clientId=ann").live()
		for _, bad := range []string{"x", newToken("ann", editor, -time.Hour), newToken("ann", `[]`, time.Hour)} {
			s.with(bad).post(seven+"/events/ann/token", "").problem(401, problem.Unauthenticated)
		}
		s.by("mallory", editor).post(seven+"/events/ann/token", "").problem(403, problem.Forbidden)
		r.expires(t)
		if open := time.Since(began); open != time.Minute {
			t.Errorf("the stream ended after %v", open)
		}
	}, guarded)
}

// Streams that end before their tokens leave no goroutine and no timer: otherwise the bubble would not end.
func TestEndedStreamHasNoTimer(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		ann := s.with(newToken("ann", editor, 1000*time.Hour))
		for range 10 {
			r := ann.open(seven + "/events?clientId=ann").live()
			r.close()
			synctest.Wait()
			ann.post(seven+"/events/ann/token", "").problem(404, problem.StreamNotFound)
		}
	}, guarded)
}

// A browser adds the cookie to requests of every page, so the origin of the page is checked.
func TestPageOfAnotherOriginCannotUseTheCookie(t *testing.T) {
	s, unchanged := startProtected(t)
	cookie := "__Host-pathsync=" + newToken("owner", editor, time.Hour)
	for _, from := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.test"}, {"Origin", "null"}} {
		for _, kind := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded"} {
			for _, path := range []string{seven + "/ops", "/v1/tickets", seven + "/events/owner/token", seven + "/presence/owner/leave"} {
				s.post(path, write, "Cookie", cookie, from[0], from[1], "Content-Type", kind).problem(403, problem.CrossOrigin)
			}
		}
	}
	unchanged()
	s.post(seven+"/ops", strings.Replace(write, "mallory", "owners", 1), "Cookie", cookie, "Sec-Fetch-Site", "same-origin").is(200)
}

func TestUserLimitsApplyToTokensAndTickets(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		ann := s.by("ann", editor)
		ticket := ticketOf(t, ann, "board-7")
		for range 9 {
			ann.get(seven).is(200)
		}
		for _, a := range []answer{
			ann.get(seven), s.by("ann", everything).get(eight), ann.get(seven + "/events"),
			s.get(seven, "Cookie", "__Host-pathsync="+newToken("ann", editor, time.Hour)),
			s.get(seven + "/events?ticket=" + ticket),
		} {
			a.problem(429, problem.RateLimited)
		}
		s.by("ben", editor).get(seven).is(200)
	}, guarded, func(p *parts) { p.api.Limits = limit.Config{User: limit.Allowance{Requests: 1}} })
}

func TestUserCannotExhaustTheLimitOfAnothersClient(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		anns := strings.Replace(write, "mallory", "anns", 1)
		s.by("ann", editor).post(seven+"/ops", anns).is(200)
		for range 20 {
			s.by("mallory", editor).post(seven+"/ops", anns)
		}
		s.by("ann", editor).post(seven+"/ops", anns).is(200)
	}, guarded, func(p *parts) { p.api.Limits = limit.Config{ClientBatches: 1} })
}
