package auth_test

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/auth"
)

// The tests of this file use tokens, answers and key sets from the right sender in a wrong form. encoding/json would accept
// most of them.

// signText signs the text of a token that libraries do not produce.
func signText(header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode([]byte(claims))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

const (
	plainHeader = `{"alg":"HS256","typ":"JWT"}`
	everything  = `{"rooms":[{"match":"*","read":true,"write":true,"presence":true}]}`
)

func claimsText(more string) string {
	return fmt.Sprintf(`{"sub":"ann","exp":%d%s}`, now.Add(time.Hour).Unix(), more)
}

func TestClaimNamesAreExact(t *testing.T) {
	v := verifier(t, auth.Config{Secret: secret})
	for _, more := range []string{
		`,"PATHSYNC":` + everything, `,"Pathsync":` + everything, `,"pathSync":` + everything, `,"path\u017fync":` + everything,
		`,"pathsync":{"rooms":[]},"PATHSYNC":` + everything, `,"PATHSYNC":` + everything + `,"pathsync":null`,
	} {
		identity, err := v.Authenticate(t.Context(), signText(plainHeader, claimsText(more)))
		if err != nil || identity.User != "ann" || len(identity.Grants) > 0 {
			t.Errorf("%s: %+v, %v", more, identity, err)
		}
	}
	for what, claims := range map[string]string{
		"a SUB":        fmt.Sprintf(`{"SUB":"ann","exp":%d}`, now.Add(time.Hour).Unix()),
		"an EXP":       fmt.Sprintf(`{"sub":"ann","EXP":%d}`, now.Add(time.Hour).Unix()),
		"an escaped s": fmt.Sprintf(`{"\u017fub":"ann","exp":%d}`, now.Add(time.Hour).Unix()),
	} {
		refuses(t, v, what, signText(plainHeader, claims), "")
	}
	for _, claim := range []string{
		`{"Rooms":[{"match":"*","read":true}]}`, `{"rooms":[{"Match":"*","read":true}]}`, `{"rooms":[{"match":"*","READ":true}]}`,
		`{"rooms":[{"match":"*","read":true}],"readonly":[{"key":"settings"}]}`, `{"readOnly":[{"Key":"settings"}]}`,
	} {
		refuses(t, v, claim, signText(plainHeader, claimsText(`,"pathsync":`+claim)), "unknown member")
	}
}

func TestDuplicateMemberIsRefused(t *testing.T) {
	v := verifier(t, auth.Config{Secret: secret})
	for _, more := range []string{
		`,"sub":"root"`, `,"exp":99999999999`, `,"pathsync":{},"pathsync":` + everything, `,"other":1,"other":2`,
		`,"pathsync":{"rooms":[],"rooms":[{"match":"*","read":true}]}`,
		`,"pathsync":{"rooms":[{"room":"a","room":"b","read":true}]}`,
		`,"pathsync":{"rooms":[{"room":"a","read":false,"read":true}]}`,
		`,"pathsync":{"readOnly":[{"key":"a","key":"b"}]}`,
		`,"pathsync":{"readOnly":[{"key":"a"}],"readOnly":[]}`,
		`,"other":{"deep":{"a":1,"a":2}}`, `,"s\u0075b":"root"`,
	} {
		refuses(t, v, more, signText(plainHeader, claimsText(more)), "claims are invalid: duplicate")
	}
	for _, header := range []string{
		`{"alg":"HS256","alg":"none"}`, `{"alg":"none","alg":"HS256"}`, `{"alg":"HS256","kid":"a","kid":"b"}`, `{"alg":"HS256","al\u0067":"HS256"}`,
	} {
		refuses(t, v, header, signText(header, claimsText("")), "not a JSON Web Token")
	}
}

func TestHeaderNamesAndTypesAreExact(t *testing.T) {
	v := verifier(t, auth.Config{Secret: secret})
	for _, header := range []string{
		`{"ALG":"HS256"}`, `{"alg":["HS256"]}`, `{"alg":1}`, `{"alg":null}`, `{"alg":"HS256","kid":7}`, `{"alg":"HS256","kid":["a"]}`,
		`{"alg":"HS256","crit":["b64"],"b64":false}`, `{"alg":"HS256","crit":null}`, `{"alg":"HS256"} {}`, `[]`, `null`, `"HS256"`, ``,
		"\ufeff" + plainHeader, `{"alg":"HS256","kid":"\ud800"}`,
	} {
		refuses(t, v, header, signText(header, claimsText("")), "")
	}
	if _, err := v.Authenticate(t.Context(), signText(`{"alg":"HS256","kid":null,"cty":"x"}`, claimsText(""))); err != nil {
		t.Errorf("a header with members that mean nothing: %v", err)
	}
}

func TestDateThatIsNotInSecondsIsRefused(t *testing.T) {
	v := verifier(t, auth.Config{Secret: secret})
	in := func(claim, value string) string {
		if claim == "exp" {
			return signText(plainHeader, `{"sub":"ann","exp":`+value+`}`)
		}
		return signText(plainHeader, claimsText(`,"`+claim+`":`+value))
	}
	later := now.Add(time.Hour).Unix()
	for _, claim := range []string{"exp", "nbf", "iat"} {
		for _, value := range []string{
			fmt.Sprintf(`"%d"`, later), `"tomorrow"`, `true`, `[1]`, `{}`, `null`, fmt.Sprint(later * 1000), `1e300`, `-1e300`, `1e18`, `253402300800`,
		} {
			refuses(t, v, claim+" of "+value, in(claim, value), claim+" is not a date")
		}
	}
	for _, value := range []string{fmt.Sprintf("%d.5", later), fmt.Sprintf("%d.0", later), fmt.Sprintf("%de0", later), "253402300799"} {
		if identity, err := v.Authenticate(t.Context(), in("exp", value)); err != nil || identity.Expires.Unix() < later {
			t.Errorf("exp of %s: %v, %v", value, identity.Expires, err)
		}
	}
	refuses(t, v, "exp of 0", in("exp", "0"), "has expired")
	refuses(t, v, "exp of -1", in("exp", "-1"), "has expired")
	refuses(t, v, "nbf in an hour", in("nbf", fmt.Sprint(later)), "not valid yet")
	refuses(t, v, "iat in an hour", in("iat", fmt.Sprint(later)), "in the future")
}

func TestAudienceIsStringOrListOfStrings(t *testing.T) {
	v := verifier(t, auth.Config{Secret: secret, Audience: "pathsync", Issuer: "https://id.example.com"})
	token := func(aud, iss string) string { return signText(plainHeader, claimsText(`,"aud":`+aud+`,"iss":`+iss)) }
	const issuer = `"https://id.example.com"`
	for _, aud := range []string{`"pathsync"`, `["shop","pathsync"]`} {
		if _, err := v.Authenticate(t.Context(), token(aud, issuer)); err != nil {
			t.Errorf("aud %s: %v", aud, err)
		}
	}
	for _, aud := range []string{`"PATHSYNC"`, `["Pathsync"]`, `[]`, `["pathsync",7]`, `[["pathsync"]]`, `{"pathsync":true}`, `7`, `null`, `"pathsync "`} {
		refuses(t, v, "aud "+aud, token(aud, issuer), "")
	}
	for _, iss := range []string{`"HTTPS://ID.EXAMPLE.COM"`, `["https://id.example.com"]`, `7`, `null`, `"https://id.example.com/"`} {
		refuses(t, v, "iss "+iss, token(`"pathsync"`, iss), "")
	}
}

func TestClaimsThatAreNotJSONAreRefused(t *testing.T) {
	v := verifier(t, auth.Config{Secret: secret})
	for _, claims := range []string{
		"", "null", "[]", "7", claimsText("") + "x", claimsText("") + claimsText(""), "\ufeff" + claimsText(""), claimsText(`,"a":"\xff"`),
		claimsText(`,"a":"\ud800"`), claimsText(`,"a":1e999`), claimsText(`,"__proto__":{}`), claimsText(`,"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000)),
		`{"sub":7,"exp":99999999999}`, `{"sub":["ann"],"exp":99999999999}`,
	} {
		refuses(t, v, claims, signText(plainHeader, claims), "")
	}
}

func TestApplicationAnswerIsParsedStrictly(t *testing.T) {
	body := ""
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) }))
	defer application.Close()
	ask := func() (access.Identity, error) {
		a, err := auth.NewApplication(auth.ApplicationConfig{URL: application.URL, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		return a.Authenticate(t.Context(), "session")
	}
	body = claimsText(`,"PATHSYNC":` + everything)
	if identity, err := ask(); err != nil || identity.User != "ann" || len(identity.Grants) > 0 {
		t.Errorf("%s: %+v, %v", body, identity, err)
	}
	for _, body = range []string{
		claimsText(`,"pathsync":{},"pathsync":` + everything), claimsText(`,"sub":"root"`), claimsText("") + "{}", "\ufeff" + claimsText(""),
		fmt.Sprintf(`{"sub":"ann","exp":"%d"}`, now.Add(time.Hour).Unix()), fmt.Sprintf(`{"SUB":"ann","exp":%d}`, now.Add(time.Hour).Unix()),
		claimsText(`,"pathsync":{"rooms":[{"match":"*","READ":true}]}`), fmt.Sprintf(`{"sub":"ann","exp":%d}`, now.Add(time.Hour).UnixMilli()),
	} {
		if identity, err := ask(); !errors.Is(err, access.ErrUnavailable) || identity.User != "" {
			t.Errorf("%s: %+v, %v", body, identity, err)
		}
	}
}

func TestKeyMemberNamesAreExact(t *testing.T) {
	key := newEd25519(t)
	x := base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	token := sign(t, jwt.SigningMethodEdDSA, key, ann, "kid", "k")
	good := `{"kty":"OKP","crv":"Ed25519","kid":"k","x":"` + x + `"`
	for text, usable := range map[string]bool{
		`{"keys":[` + good + `}]}`: true,
		`{"keys":[` + good + `,"use":"sig","key_ops":["verify"],"x5c":["AAAA"]}]}`: true,
		`{"keys":[7,` + good + `},null]}`:                                          true,
		`{"Keys":[` + good + `}]}`:                                                 false,
		`{"keys":[],"KEYS":[` + good + `}]}`:                                       false,
		`{"keys":[],"keys":[` + good + `}]}`:                                       false,
		`{"keys":[` + good + `,"x":"` + x + `"}]}`:                                 false,
		`{"keys":[` + good + `,"use":"enc"}]}`:                                     false,
		`{"keys":[` + good + `,"use":7}]}`:                                         false,
		`{"keys":[` + good + `,"key_ops":["sign"]}]}`:                              false,
		`{"keys":[` + good + `,"alg":"RS256"}]}`:                                   false,
		`{"keys":[{"KTY":"OKP","CRV":"Ed25519","KID":"k","X":"` + x + `"}]}`:       false,
		`{"keys":[` + good + `}]} trailing`:                                        false,
		`{"keys":{"k":` + good + `}}}`:                                             false,
	} {
		i := newIssuer(t)
		i.answers(200, text)
		_, err := i.verifier(t).Authenticate(t.Context(), token)
		if usable && err != nil || !usable && !errors.Is(err, access.ErrUnavailable) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestKeyWithCarriageReturnsAndByteOrderMarkIsRead(t *testing.T) {
	key := newEd25519(t)
	text := "\ufeff" + strings.ReplaceAll(string(public(t, key)), "\n", "\r\n") + "\r\n \n"
	v := verifier(t, auth.Config{PublicKey: []byte(text)})
	takes(t, v, "a key of Windows", sign(t, jwt.SigningMethodEdDSA, key, ann))
}

// slowly sends an answer in pieces, with a pause after each.
func slowly(text string, bytes int, pause time.Duration) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		body := &slowBody{ctx: r.Context(), rest: text, bytes: bytes, pause: pause}
		return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Body: io.NopCloser(body), Request: r}, nil
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type slowBody struct {
	ctx   context.Context
	rest  string
	bytes int
	pause time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.rest == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), b.bytes)], b.rest)
	b.rest = b.rest[n:]
	select {
	case <-time.After(b.pause * time.Duration(n) / time.Duration(b.bytes)):
		return n, nil
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
}

func TestLargeAnswerOverSlowLinkArrives(t *testing.T) {
	key := newEd25519(t)
	x := base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	set := `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"` + x + `"}]` + strings.Repeat(" ", 100<<10) + `}`
	who := claimsText(`,"other":"` + strings.Repeat("x", 100<<10) + `"`)
	for name, c := range map[string]struct {
		bytes   int
		pause   time.Duration
		arrives bool
	}{"5 KB a second": {5 << 10, time.Second, true}, "a byte a second": {1, time.Second, false}, "nothing": {1, time.Hour, false}} {
		for what, authenticate := range map[string]func(*testing.T) error{
			"a key set": func(t *testing.T) error {
				v := verifier(t, auth.Config{KeysURL: "https://id.example.com/", Client: &http.Client{Transport: slowly(set, c.bytes, c.pause)}})
				return eventuallyTaken(t, v, sign(t, jwt.SigningMethodEdDSA, key, ann, "kid", "k"))
			},
			"a verdict": func(t *testing.T) error {
				a, err := auth.NewApplication(auth.ApplicationConfig{
					URL: "https://app.example.com/", Client: &http.Client{Transport: slowly(who, c.bytes, c.pause)}, Now: func() time.Time { return now },
				})
				if err != nil {
					t.Fatal(err)
				}
				return eventuallyTaken(t, a, "session")
			},
		} {
			t.Run(what+" at "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					if err := authenticate(t); c.arrives != (err == nil) {
						t.Error(err)
					}
					time.Sleep(time.Hour) // what is still being asked has ended
				})
			})
		}
	}
}

// eventuallyTaken retries a token, as clients do after 503, for less than keysInterval.
func eventuallyTaken(t *testing.T, a interface {
	Authenticate(context.Context, string) (access.Identity, error)
}, token string) (err error) {
	t.Helper()
	for range 4 {
		began := time.Now()
		if _, err = a.Authenticate(t.Context(), token); err == nil {
			return nil
		}
		if took := time.Since(began); !errors.Is(err, access.ErrUnavailable) || took > 7*time.Second {
			t.Fatalf("after %v: %v", took, err)
		}
	}
	return err
}
