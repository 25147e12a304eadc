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

// signingKey is what tests sign tokens with, and what the servers that ask for tokens verify them with.
const signingKey = "only-for-tests-only-for-tests-only-for-tests"

// everything is the claim of who may do everything.
const everything = `{"rooms":[{"match":"*","read":true,"write":true,"presence":true}]}`

// guarded has a server ask everybody for a token.
func guarded(p *parts) { p.api.Auth = verifies(auth.Config{Secret: []byte(signingKey)}) }

func verifies(cfg auth.Config) *auth.Verifier {
	v, err := auth.New(cfg)
	if err != nil {
		panic(err) // the configurations of tests are good ones
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

// by is the client of a user who may do what the claim says.
func (c client) by(user, claim string) client { return c.with(newToken(user, claim, time.Hour)) }

// with is a client that shows a token with each request that does not come with one.
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

// askForTokens is set in the environment where the tests of a server that is open to anybody run once more on one that
// asks for tokens.
const askForTokens = "PATHSYNC_TEST_ASK_FOR_TOKENS"

func asksForTokens() bool { return os.Getenv(askForTokens) != "" }

// Whoever has a token is no better: what the hardening tests throw at a server is as harmless from somebody known.
func TestHostileInputIsAsHarmlessFromAUser(t *testing.T) {
	t.Setenv(askForTokens, "yes")
	for name, test := range map[string]func(*testing.T){
		"and everybody is asked": func(t *testing.T) {
			s := start(t)
			s.get("/v1/rooms/r").is(200)
			s.get("/v1/rooms/r", "Authorization", "Bearer x").is(401)
		},
		"a body at the limit":                    TestABodyAtTheLimitIsTaken,
		"a body over the limit by its length":    TestABodyOneByteOverTheLimitIsRefusedByItsLength,
		"a body over the limit in chunks":        TestABodyOneByteOverTheLimitIsRefusedInChunks,
		"a body without end":                     TestABodyWithoutEndIsCutAtTheLimit,
		"a body announced and never sent":        TestABodyThatIsAnnouncedAndNeverSentTakesNoMemory,
		"a gzip bomb":                            TestAGzipBombIsRefusedUnread,
		"a body that does not say it is JSON":    TestABodyThatDoesNotSayItIsJSONIsRefused,
		"a body that trickles":                   TestABodyThatTricklesIsCutOff,
		"a body that breaks off":                 TestABodyThatBreaksOffChangesNothing,
		"a length told twice":                    TestALengthThatIsToldTwiceIsNoRequest,
		"slow headers":                           TestSlowHeadersAreCutOff,
		"a silent connection":                    TestAConnectionThatSaysNothingIsClosed,
		"a header without end":                   TestAHeaderWithoutEndIsRefused,
		"a very long address":                    TestAVeryLongAddressIsRefused,
		"a reader that never reads":              TestAReaderThatNeverReadsIsLetGo,
		"a reader of a byte a second":            TestAReaderThatReadsAByteASecondIsLetGo,
		"a reader that goes on talking":          TestAReaderThatGoesOnTalkingIsLetGo,
		"a negative event id":                    TestANegativeEventIDIsRefused,
		"an event id of 2^64":                    TestAnEventIDOfTwoToThe64IsRefused,
		"an event id of 8 KB":                    TestAnEventIDOf8KBIsRefused,
		"an event id that is not ASCII":          TestAnEventIDThatIsNotASCIIIsRefused,
		"an event id that is none":               TestAnEventIDThatIsNoneIsRefused,
		"no JSON":                                TestABodyThatIsNoJSONIsRefused,
		"trailing garbage":                       TestTrailingGarbageIsRefused,
		"a byte order mark":                      TestAByteOrderMarkIsRefused,
		"NUL":                                    TestNULIsRefusedOutsideOfEscapes,
		"control characters":                     TestControlCharactersAndBrokenUTF8AreRefused,
		"lone surrogates":                        TestLoneSurrogatesAreRefused,
		"65 levels":                              TestSixtyFourLevelsAreFineAndSixtyFiveAreRefused,
		"10,000 levels":                          TestTenThousandLevelsCostNoStack,
		"duplicate members":                      TestDuplicateMembersAreRefused,
		"numbers beyond a double":                TestNumbersBeyondADoubleAreRefused,
		"what is no number":                      TestWhatIsNoNumberIsRefused,
		"a million members":                      TestAnObjectOfAMillionMembersIsQuick,
		"100,000 ops":                            TestAHundredThousandOpsAreRefused,
		"a long list of faults":                  TestTheListOfFaultsIsBounded,
		"the prototype in values":                TestThePrototypeIsForbiddenInValues,
		"log lines":                              TestALogLineCannotBeForged,
		"log lines in JSON":                      TestALogLineInJSONCannotBeForged,
		"names with CR, LF or NUL":               TestNamesWithCRLFOrNULAreRefused,
		"names with control characters":          TestNamesWithOtherControlCharactersAreRefused,
		"names with outer blanks":                TestNamesWithOuterBlanksAreRefused,
		"names that addresses swallow":           TestNamesThatAddressesSwallowAreRefused,
		"very long names":                        TestNamesThatAreVeryLongAreRefused,
		"names that are not UTF-8":               TestNamesThatAreNotUTF8AreRefused,
		"display names":                          TestADisplayNameCannotBreakOutOfItsEvent,
		"unreadable queries":                     TestAQueryThatCannotBeReadIsRefused,
		"slashes in names":                       TestASlashInAnAddressIsNoSlashInAName,
		"untidy addresses":                       TestAddressesThatAClientWouldTidyAreTakenAsTheyAre,
		"no addresses":                           TestAnAddressThatIsNoneIsNoRequest,
		"paths with empty keys":                  TestPathsWithEmptyKeysAreRefused,
		"paths with brackets":                    TestPathsWithBracketsOutOfPlaceAreRefused,
		"paths through the prototype":            TestPathsThatRunThroughThePrototypeAreRefused,
		"paths of ten thousand segments":         TestPathsOfTenThousandSegmentsAreRefused,
		"a number that comes again":              TestANumberThatComesAgainWithOtherContentIsRefused,
		"names that look alike":                  TestNamesThatOnlyLookAlikeAreDifferent,
		"an answer with something of a database": TestAnAnswerHasNothingOfTheDatabaseInIt,
	} {
		t.Run(name, test)
	}
}

// asUser has a request that is written by hand come with a token.
func asUser(request, token string) string {
	line, rest, ok := strings.Cut(request, "\r\n")
	if !ok || strings.Contains(request, "Authorization:") {
		return request
	}
	return line + "\r\nAuthorization: Bearer " + token + "\r\n" + rest
}
