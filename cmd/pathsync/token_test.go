package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/auth"
	"github.com/pathsync/pathsync/server"
)

const testSecret = "a secret of at least 32 bytes, for tests"

func TestMadeTokenIsAcceptedByAServer(t *testing.T) {
	live(t, func(c *server.Config) { c.Auth, c.JWTSecret, c.JWTAudience = "jwt", testSecret, "sync" })
	t.Setenv("PATHSYNC_JWT_SECRET", testSecret)
	token := func(args ...string) string {
		return strings.TrimSpace(must(t, "", append([]string{"token", "make", "--sub", "ada", "--jwt-audience", "sync"}, args...)...))
	}
	all := token("--match", "team-*", "--room", "a,b")
	must(t, "", "set", "team-1", "k", "n", "1", "--token", all)
	must(t, "", "set", "a,b", "k", "n", "1", "--token", all)
	for room, with := range map[string]string{"other": all, "team-1": token("--match", "*", "--can", "read"), "a,b": token()} {
		if s := call(t.Context(), "", "set", room, "k", "n", "1", "--token", with); s.code != exitFailed || !strings.Contains(s.stderr, "forbidden") {
			t.Errorf("%s: %+v", room, s)
		}
	}
	out := must(t, "", "token", "check", all, "--jwt-audience", "sync")
	for _, want := range []string{`sub        "ada"`, " (in ", `"match":"team-*"`, "\nvalid\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

func TestRefusedTokenIsExplained(t *testing.T) {
	now := time.Now()
	sign := func(change func(claims map[string]any)) string {
		claims := map[string]any{"sub": "ada", "exp": now.Add(time.Hour).Unix(), "iss": "me", "aud": []string{"a", "b"}}
		change(claims)
		token, err := auth.Sign(auth.SignConfig{Secret: []byte(testSecret)}, claims)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := sign(func(map[string]any) {})
	for _, test := range []struct {
		name, token string
		args        []string
		says        []string
	}{
		{"expired", sign(func(c map[string]any) { c["exp"] = now.Add(-time.Hour).Unix() }), nil, []string{"it has expired", "it expired 1h0m", "compare this machine's clock"}},
		{"not yet valid", sign(func(c map[string]any) { c["nbf"] = now.Add(10 * time.Minute).Unix() }), nil, []string{"not valid yet", "its nbf is ", " in the future"}},
		{"issued in the future", sign(func(c map[string]any) { c["iat"] = now.Add(10 * time.Minute).Unix() }), nil, []string{"its iat is ", " in the future", "clock"}},
		{"in milliseconds", sign(func(c map[string]any) { c["exp"] = now.UnixMilli() * 1000 }), nil, []string{"looks like milliseconds"}},
		{"without exp", sign(func(c map[string]any) { delete(c, "exp") }), nil, []string{"it has no exp"}},
		{"without sub", sign(func(c map[string]any) { delete(c, "sub") }), nil, []string{"it has no sub"}},
		{"another audience", good, []string{"--jwt-audience", "c"}, []string{"another audience", `its aud is ["a" "b"], and --jwt-audience requires "c"`}},
		{"another issuer", good, []string{"--jwt-issuer", "you"}, []string{"another issuer", `its iss is "me", and --jwt-issuer requires "you"`}},
		{"another secret", good, []string{"--jwt-secret", testSecret + "x"}, []string{"its signature is not valid"}},
		{"a misspelt right", sign(func(c map[string]any) {
			c["pathsync"] = map[string]any{"rooms": []any{map[string]any{"room": "r", "raed": true}}}
		}), nil, []string{`unknown member: "raed"`}},
		{"no token", "abc", nil, []string{"3 parts separated by dots, and this has 1"}},
		{"no JSON", "a.b.c", nil, []string{"part 1 of the token"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := test.args
			if !strings.Contains(strings.Join(args, " "), "--jwt-secret") {
				args = append(args, "--jwt-secret", testSecret)
			}
			s := call(t.Context(), "", append([]string{"token", "check", test.token}, args...)...)
			if s.code != exitFailed {
				t.Errorf("exit %d", s.code)
			}
			for _, says := range test.says {
				if !strings.Contains(s.stdout+s.stderr, says) {
					t.Errorf("%q is missing in\n%s%s", says, s.stdout, s.stderr)
				}
			}
		})
	}
	if s := call(t.Context(), "Bearer "+good+"\r\n", "token", "check", "-", "--jwt-secret", testSecret); s.code != exitOK {
		t.Errorf("of standard input: %+v", s)
	}
	if s := call(t.Context(), "", "token", "check", good); s.code != exitOK || !strings.Contains(s.stdout, "was not verified") {
		t.Errorf("without a key: %+v", s)
	}
	if s := call(t.Context(), "", "token", "check"); s.code != exitUsage {
		t.Errorf("without a token: %+v", s)
	}
}

func TestTokenOfAnUnknownKeyIsExplained(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private := keyFile(t, key)
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"new","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
	}))
	defer keys.Close()
	token := strings.TrimSpace(must(t, "", "token", "make", "--sub", "ada", "--jwt-private-key", private, "--kid", "old"))
	s := call(t.Context(), "", "token", "check", token, "--jwks-url", keys.URL)
	if s.code != exitFailed || !strings.Contains(s.stdout, `its key id (kid) is "old", and the key set has ["new"]`) {
		t.Errorf("%+v", s)
	}
	s = call(t.Context(), "", "token", "check", token, "--jwt-secret", testSecret)
	if s.code != exitFailed || !strings.Contains(s.stdout, `its algorithm is "EdDSA", and the key is for HS256`) {
		t.Errorf("%+v", s)
	}
}

// keyFile writes a private key in PEM.
func keyFile(t *testing.T, key any) string {
	t.Helper()
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/key.pem"
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTokenIsSignedWithEachKindOfKey(t *testing.T) {
	_, edwards, err1 := ed25519.GenerateKey(rand.Reader)
	curve, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	modulus, err3 := rsa.GenerateKey(rand.Reader, 2048)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	for algorithm, keys := range map[string][2]any{"EdDSA": {edwards, edwards.Public()}, "ES256": {curve, curve.Public()}, "RS256": {modulus, modulus.Public()}} {
		public, err := x509.MarshalPKIXPublicKey(keys[1])
		if err != nil {
			t.Fatal(err)
		}
		file := t.TempDir() + "/public.pem"
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o600); err != nil {
			t.Fatal(err)
		}
		var made struct{ Token string }
		if err := json.Unmarshal([]byte(must(t, "", "token", "make", "--json", "--sub", "ada", "--jwt-private-key", keyFile(t, keys[0]))), &made); err != nil {
			t.Fatal(err)
		}
		out := must(t, "", "token", "check", made.Token, "--jwt-key", file, "--json")
		if !strings.Contains(out, `"verified": true`) || !strings.Contains(out, `"alg": "`+algorithm+`"`) {
			t.Errorf("%s: %s", algorithm, out)
		}
	}
	for says, args := range map[string][]string{
		"at least 32 bytes":  {"--jwt-secret", "short"},
		"exclude each other": {"--jwt-secret", testSecret, "--jwt-private-key", "absent.pem"},
		"--sub must":         {"--jwt-secret", testSecret, "--sub", ""},
		"--can must":         {"--jwt-secret", testSecret, "--can", ""},
		"no such file":       {"--jwt-private-key", "absent.pem"},
		"a key is needed":    {},
		"--can \"all\"":      {"--jwt-secret", testSecret, "--can", "all"},
		"--expires must":     {"--jwt-secret", testSecret, "--expires=-1h"},
		"not in PEM":         {"--jwt-private-key", "token_test.go"},
	} {
		s := call(t.Context(), "", append([]string{"token", "make", "--sub", "ada"}, args...)...)
		if s.code != exitUsage || !strings.Contains(s.stderr, says) {
			t.Errorf("%v: %+v", args, s)
		}
	}
}

// The examples set the secret in the environment.
func TestKeyOnTheCommandLineTakesPrecedenceOverTheEnvironment(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	private := keyFile(t, key)
	t.Setenv("PATHSYNC_JWT_SECRET", testSecret)
	secret := strings.TrimSpace(must(t, "", "token", "make", "--sub", "ada"))
	signed := strings.TrimSpace(must(t, "", "token", "make", "--sub", "ada", "--jwt-private-key", private))
	if out := must(t, "", "token", "check", secret, "--json"); !strings.Contains(out, `"verified": true`) {
		t.Errorf("with the secret: %s", out)
	}
	if s := call(t.Context(), "", "token", "check", signed, "--jwks-url", "http://127.0.0.1:1/keys"); s.code != exitFailed || !strings.Contains(s.stderr, "cannot be fetched") {
		t.Errorf("with the key set: %+v", s)
	}
	t.Setenv("PATHSYNC_JWT_KEY", private)
	if s := call(t.Context(), "", "token", "check", secret); s.code != exitUsage || !strings.Contains(s.stderr, "--jwt-key and --jwt-secret exclude each other") {
		t.Errorf("with both in the environment: %+v", s)
	}
}

func TestTokenIsMadeForTheServerWithTheSameEnvironment(t *testing.T) {
	t.Setenv("PATHSYNC_JWT_SECRET", testSecret)
	t.Setenv("PATHSYNC_JWT_ISSUER", "https://id.example.com")
	t.Setenv("PATHSYNC_JWT_AUDIENCE", "sync")
	must(t, must(t, "", "token", "make", "--sub", "ada"), "token", "check", "-")
}
