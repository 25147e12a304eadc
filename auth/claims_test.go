package auth_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/auth"
	"github.com/pathsync/pathsync/core/tree"
)

func TestClaimGrantsPermissions(t *testing.T) {
	identity, err := auth.ParsePermissions([]byte(`{
		"rooms": [{"room": "team-*", "read": true, "write": true}, {"match": "board-*", "presence": true, "write": true}],
		"readOnly": [{"key": "settings"}, {"room": "team-*", "key": "default"}]
	}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		action access.Action
		room   string
		want   bool
	}{
		{access.Read, "team-*", true},
		{access.Read, "team-red", false}, // `room` is a name and no pattern
		{access.Write, "board-7", true},
		{access.Read, "board-7", false},
		{access.Presence, "board-7", true},
		{access.Presence, "team-*", false},
	} {
		if got := identity.Allows(c.action, c.room); got != c.want {
			t.Errorf("Allows(%d, %q) = %v", c.action, c.room, got)
		}
	}
	for _, c := range []struct {
		room, key string
		want      bool
	}{{"board-7", "default", true}, {"board-7", "settings", false}, {"team-*", "default", false}, {"team-*", "notes", true}} {
		if got := identity.AllowsOp(c.room, c.key, &tree.Op{Kind: tree.Set}); got != c.want {
			t.Errorf("AllowsOp(%q, %q) = %v", c.room, c.key, got)
		}
	}
}

func TestTokenWithoutClaimGrantsNothing(t *testing.T) {
	v := verifier(t, auth.Config{Secret: secret})
	for _, claim := range []any{nil, map[string]any{}, map[string]any{"rooms": []any{}}} {
		identity, err := v.Authenticate(t.Context(), sign(t, jwt.SigningMethodHS256, secret, but(jwt.MapClaims{"pathsync": claim})))
		if err != nil || identity.User != "ann" || identity.Allows(access.Read, "board-7") {
			t.Errorf("%v: %+v, %v", claim, identity, err)
		}
	}
}

// Ignoring an unknown part of a claim could grant what that part was to take away.
func TestMalformedClaimMakesTokenInvalid(t *testing.T) {
	v := verifier(t, auth.Config{Secret: secret})
	for claim, why := range map[string]string{
		`"admin"`:                                    "wrong type",
		`[]`:                                         "wrong type",
		`{"rooms":"board-7"}`:                        "rooms has the wrong type",
		`{"rooms":["board-7"]}`:                      "wrong type",
		`{"rooms":[{"read":true}]}`:                  "rooms[0]: it has neither room nor match",
		`{"rooms":[{"match":"","read":true}]}`:       "rooms[0]: it has neither room nor match",
		`{"rooms":[{"room":"a","match":"b"}]}`:       "rooms[0]: it has both",
		`{"rooms":[{"room":"a","read":"yes"}]}`:      "wrong type",
		`{"rooms":[{"room":"a","reed":true}]}`:       "reed",
		`{"read_only":[{"key":"settings"}]}`:         "read_only",
		`{"readOnly":[{"key":""}]}`:                  "readOnly[0]: its key is empty",
		`{"readOnly":[{"path":"a..b"}]}`:             "readOnly[0]: its path",
		`{"readOnly":[{"path":"__proto__"}]}`:        "readOnly[0]: its path",
		`{"readOnly":[{"match":"a","room":"b"}]}`:    "readOnly[0]: it has both",
		`{"rooms":[{"room":"a","read":true}],"x":1}`: "x",
	} {
		token := sign(t, jwt.SigningMethodHS256, secret, but(jwt.MapClaims{"pathsync": json.RawMessage(claim)}))
		refuses(t, v, claim, token, why)
		if _, err := v.Authenticate(t.Context(), token); !strings.Contains(err.Error(), "claim pathsync") {
			t.Errorf("%s: %v", claim, err)
		}
	}
}
