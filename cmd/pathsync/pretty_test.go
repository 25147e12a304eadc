package main

import (
	"strings"
	"testing"
)

func TestPrettyTailSaysWhatHasChangedAndWho(t *testing.T) {
	server := scripted(t, events(""+
		"event: state\ndata: {\"room\":\"r\",\"key\":\"k\",\"serverSeq\":11,\"state\":{\"a\":1}}\n\n"+
		"event: presence\ndata: {\"room\":\"r\",\"users\":[{\"clientId\":\"c1\",\"displayName\":\"Ada\",\"field\":\"title\"},{\"clientId\":\"c2\"}]}\n\n"+
		"id: e-12\nevent: up-to-date\ndata: {\"room\":\"r\",\"epoch\":\"e\",\"serverSeq\":12}\n\n"+
		"id: e-13\nevent: delta\ndata: {\"room\":\"r\",\"key\":\"k\",\"serverSeq\":13,\"clientId\":\"c1\",\"userId\":\"ada\",\"ops\":["+
		"{\"path\":\"title\",\"op\":\"set\",\"value\":\"Launch\"},{\"path\":\"l\",\"op\":\"array_add\",\"value\":{\"_sync_id\":\"1\"},\"arrayIndex\":3},"+
		"{\"path\":\"l[1]\",\"op\":\"array_move\",\"arrayIndex\":0},{\"path\":\"l[1]\",\"op\":\"array_move\",\"to\":\"m\",\"arrayIndex\":0},"+
		"{\"path\":\"x\",\"op\":\"delete\"},{\"path\":\"\",\"op\":\"init\",\"value\":{}}]}\n\n"+
		"id: e-14\nevent: delta\ndata: {\"room\":\"r\",\"key\":\"k\",\"serverSeq\":14,\"clientId\":\"c2\",\"ops\":[]}\n\n"+
		"event: presence-change\ndata: {\"room\":\"r\",\"joined\":[{\"clientId\":\"c3\"}],\"updated\":[],\"left\":[\"c2\"]}\n\n"+
		"event: later\ndata: [\"version\"]\n\n"+
		"event: reconnect\ndata: {\"afterMs\":5}\n\n"), final)
	s := call(t.Context(), "", "tail", "--pretty", "--server", server.url, "r", "s")
	want := `state             r  k as of 11: {"a":1}
presence          r  2 present: Ada in title, c2
up-to-date        r  at e-12
13 by ada         r  k: title = "Launch"
13 by ada         r  k: l[3] + {"_sync_id":"1"}
13 by ada         r  k: move l[1] to [0]
13 by ada         r  k: move l[1] to m[0]
13 by ada         r  k: delete x
13 by ada         r  k: (document) := {}
14 by c2          r  k: no operation took effect
presence          r  joined: c3
presence          r  left: c2
later             ["version"]
reconnect         in 5 ms
problem           Enough (stream_replaced)
`
	if s.stdout != want {
		t.Errorf("got\n%s\nwant\n%s", s.stdout, want)
	}
}

func TestTailPrintsOneObjectPerEvent(t *testing.T) {
	server := scripted(t, events("event: state\ndata: {\"a\": \"<\"}\n\nid: e-1\nevent: delta\ndata: {}\n\n"), final)
	s := call(t.Context(), "", "tail", "--json", "--server", server.url, "r")
	if want := `{"event":"state","data":{"a":"<"}}` + "\n" + `{"event":"delta","position":"e-1","data":{}}` + "\n"; !strings.HasPrefix(s.stdout, want) {
		t.Errorf("%s", s.stdout)
	}
	if s := call(t.Context(), "", "tail", "--json", "--pretty", "r"); s.code != exitUsage {
		t.Errorf("%+v", s)
	}
}
