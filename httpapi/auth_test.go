package httpapi_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pathsync/pathsync/auth"
)

// signingKey signs and verifies the tokens of tests.
const signingKey = "only-for-tests-only-for-tests-only-for-tests"

// everything is a claim with all permissions.
const everything = `{"rooms":[{"match":"*","read":true,"write":true,"presence":true}]}`

// guarded requires tokens.
func guarded(p *parts) { p.api.Auth = verifies(auth.Config{Secret: []byte(signingKey)}) }

func verifies(cfg auth.Config) *auth.Verifier {
	v, err := auth.New(cfg)
	if err != nil {
		panic(err) // the configurations of tests are valid
	}
	return v
}

// newToken returns a token of a user with the permissions of a claim, valid for a time.
func newToken(user, claim string, life time.Duration) string {
	return signed(jwt.SigningMethodHS256, []byte(signingKey), jwt.MapClaims{
		"sub": user, "exp": time.Now().Add(life).UnixMilli() / 1000, "pathsync": raw(claim),
	})
}

type raw string

func (r raw) MarshalJSON() ([]byte, error) { return []byte(r), nil }

func signed(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	text, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		panic(err)
	}
	return text
}

// by returns a client of a user with the permissions of a claim.
func (c client) by(user, claim string) client { return c.with(newToken(user, claim, time.Hour)) }

// with returns a client that adds a token to each request without one.
func (c client) with(token string) client {
	c.http = &http.Client{Transport: bearer{token, c.http.Transport}}
	return c
}

type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Authorization") == "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(r)
}

// askForTokens is an environment variable. With it, tests of a server without authentication run on a server that
// requires tokens.
const askForTokens = "PATHSYNC_TEST_ASK_FOR_TOKENS"

func asksForTokens() bool { return os.Getenv(askForTokens) != "" }

// The hardening tests also run with requests of an authenticated user.
func TestHostileInputOfAUserIsRefused(t *testing.T) {
	t.Setenv(askForTokens, "yes")
	for name, test := range map[string]func(*testing.T){
		"requests without a token": func(t *testing.T) {
			s := start(t)
			s.get("/v1/rooms/r").is(200)
			s.get("/v1/rooms/r", "Authorization", "Bearer x").is(401)
		},
		"a body at the limit":                    TestBodyAtTheLimitIsAccepted,
		"a body over the limit by its length":    TestContentLengthOneByteOverTheLimitIsRefused,
		"a body over the limit in chunks":        TestChunkedBodyOneByteOverTheLimitIsRefused,
		"a body without end":                     TestEndlessBodyIsCutAtTheLimit,
		"a body announced and never sent":        TestContentLengthWithoutBodyTakesNoMemory,
		"a gzip bomb":                            TestGzipBombIsRefusedUnread,
		"a body that does not say it is JSON":    TestBodyWithoutJSONContentTypeIsRefused,
		"a body that trickles":                   TestTricklingBodyIsCutOff,
		"a body that breaks off":                 TestIncompleteBodyChangesNothing,
		"two Content-Lengths":                    TestRequestWithTwoContentLengthsIsRefused,
		"slow headers":                           TestSlowHeadersAreCutOff,
		"a silent connection":                    TestSilentConnectionIsClosed,
		"a header without end":                   TestEndlessHeaderIsRefused,
		"a very long address":                    TestVeryLongURLIsRefused,
		"a reader that never reads":              TestReaderThatNeverReadsIsCutOff,
		"a reader of a byte a second":            TestReaderOfOneBytePerSecondIsCutOff,
		"a reader that keeps sending":            TestReaderThatKeepsSendingIsCutOff,
		"a negative event id":                    TestNegativeEventIDIsRefused,
		"an event id of 2^64":                    TestEventIDOfTwoToThe64IsRefused,
		"an event id of 8 KB":                    TestEventIDOf8KBIsRefused,
		"an event id that is not ASCII":          TestNonASCIIEventIDIsRefused,
		"a malformed event id":                   TestMalformedEventIDIsRefused,
		"no JSON":                                TestMalformedJSONIsRefused,
		"trailing garbage":                       TestTrailingGarbageIsRefused,
		"a byte order mark":                      TestByteOrderMarkIsRefused,
		"NUL":                                    TestUnescapedNULIsRefused,
		"control characters":                     TestControlCharactersAndInvalidUTF8AreRefused,
		"lone surrogates":                        TestLoneSurrogatesAreRefused,
		"65 levels":                              TestDepth64IsAcceptedAnd65Refused,
		"10,000 levels":                          TestDepth10000TakesNoStack,
		"duplicate members":                      TestDuplicateMembersAreRefused,
		"numbers beyond a double":                TestNumbersBeyondADoubleAreRefused,
		"what is no number":                      TestMalformedNumbersAreRefused,
		"a million members":                      TestObjectOfAMillionMembersIsDecodedQuickly,
		"100,000 ops":                            TestHundredThousandOpsAreRefused,
		"a long list of faults":                  TestListOfFaultsIsBounded,
		"the prototype in values":                TestProtoIsRefusedInValues,
		"log lines":                              TestLogLineCannotBeForged,
		"log lines in JSON":                      TestJSONLogLineCannotBeForged,
		"names with CR, LF or NUL":               TestNamesWithCRLFOrNULAreRefused,
		"names with control characters":          TestNamesWithOtherControlCharactersAreRefused,
		"names with outer blanks":                TestNamesWithOuterBlanksAreRefused,
		"names that addresses swallow":           TestDotSegmentsAreRefusedAsNames,
		"very long names":                        TestVeryLongNamesAreRefused,
		"names that are not UTF-8":               TestInvalidUTF8NamesAreRefused,
		"display names":                          TestDisplayNameCannotInjectEvents,
		"unreadable queries":                     TestMalformedQueryIsRefused,
		"slashes in names":                       TestEncodedSlashIsPartOfAName,
		"untidy addresses":                       TestPathsAreNotNormalized,
		"no addresses":                           TestMalformedRequestLineIsRefused,
		"paths with empty keys":                  TestPathsWithEmptyKeysAreRefused,
		"paths with brackets":                    TestPathsWithMisplacedBracketsAreRefused,
		"paths through the prototype":            TestPathsWithProtoAreRefused,
		"paths of ten thousand segments":         TestPathsOfTenThousandSegmentsAreRefused,
		"a number that comes again":              TestReusedClientSeqWithOtherContentIsRefused,
		"names that look alike":                  TestSimilarNamesAreDifferent,
		"an answer with something of a database": TestResponsesContainNothingOfTheDatabase,
	} {
		t.Run(name, test)
	}
}

// asUser adds a token to the text of a request.
func asUser(request, token string) string {
	line, rest, ok := strings.Cut(request, "\r\n")
	if !ok || strings.Contains(request, "Authorization:") {
		return request
	}
	return line + "\r\nAuthorization: Bearer " + token + "\r\n" + rest
}
