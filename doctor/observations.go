package doctor

import (
	"net/http"
	"strings"
	"time"
)

// Observations are what has come of probes. Each request is made to differ from Plain in one thing, so that what goes
// wrong with it alone has one cause.
type Observations struct {
	Host string // that was asked

	Plain Reply // to POST /v1/probe/{name}
	Slash Reply // the same with SlashName
	Large Reply // the same with LargeBytes of body

	Encoding string // in which GET /v1/probe is answered to a browser; "" for none
	Stream   Stream // of GET /v1/probe, not encoded if that can be had
	Again    Reply  // the beginning of another one like Stream
}

// What the requests have in them.
const (
	SlashName   = "pathsync/doctor"
	LargeBytes  = 1 << 20
	LastEventID = "doctor-7"
)

// Reply is what came back of a request.
type Reply struct {
	Err     string // why nothing came back; "" when something did
	Status  int
	Header  http.Header
	Problem Problem // when it is one of the server's
	Page    string  // the title of an HTML page, or "untitled"; "" when it is none
	Arrived Arrived // when it is what the server says of a probe
}

// Problem is the server's own refusal.
type Problem struct{ Code, Title string }

// Arrived is what the server saw of a request. The zero value is none.
type Arrived struct {
	ID          string
	Name        string
	Bytes       int
	Host        string
	LastEventID string
}

// OK reports whether the server has said what it saw.
func (r Reply) OK() bool { return r.Arrived.ID != "" }

// Stream is a stream of timed events. All its times are since the request was sent.
type Stream struct {
	Reply          // its beginning
	Proto   string // of the answer, such as HTTP/2.0
	Planned time.Duration
	Events  []Event
	Whole   bool          // it has come to its planned end
	Asked   bool          // the server was going away, and said so
	Quiet   time.Duration // when the last byte came
	Ended   time.Duration
	How     string // it ended, in words
}

// Event is one that came.
type Event struct {
	Sent time.Duration // by the server, since it began
	Came time.Duration
}

// has reports whether a list in a header field has an element.
func has(h http.Header, name, element string) bool {
	for _, line := range h.Values(name) {
		for e := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(e), element) {
				return true
			}
		}
	}
	return false
}
