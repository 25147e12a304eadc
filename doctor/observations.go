package doctor

import (
	"net/http"
	"strings"
	"time"
)

// Observations are the results of probes. Each request differs from Plain in one respect, so a fault that only it has
// has one cause.
type Observations struct {
	Host string // of the URL

	Plain Reply // to POST /v1/probe/{name}
	Slash Reply // the same with SlashName
	Large Reply // the same with LargeBytes of body

	Encoding string // of GET /v1/probe with the Accept-Encoding of a browser; "": none
	Stream   Stream // of GET /v1/probe, not encoded if possible
	Again    Reply  // beginning of a second stream like Stream
}

// Content of the requests.
const (
	SlashName   = "pathsync/doctor"
	LargeBytes  = 1 << 20
	LastEventID = "doctor-7"
)

// Reply is the result of a request.
type Reply struct {
	Err     string // why there is no answer; "": there is one
	Status  int
	Header  http.Header
	Problem Problem // of the server; zero: none
	Page    string  // title of an HTML page, or "untitled"; "": no page
	Arrived Arrived // the server's answer to a probe; zero: none
}

// Problem is a refusal by the server.
type Problem struct{ Code, Title string }

// Arrived is what the server received. The zero value means that it received nothing.
type Arrived struct {
	ID          string
	Name        string
	Bytes       int
	Host        string
	LastEventID string
}

// OK reports whether the server has received the request.
func (r Reply) OK() bool { return r.Arrived.ID != "" }

// Stream is a stream of timed events. Its times count from the request.
type Stream struct {
	Reply          // its beginning
	Proto   string // of the answer, such as HTTP/2.0
	Planned time.Duration
	Events  []Event
	Whole   bool          // the last event has arrived
	Asked   bool          // the server was shutting down
	Quiet   time.Duration // time of the last byte
	Ended   time.Duration
	How     string // how it ended, in words
}

// Event is one event of a stream.
type Event struct {
	Sent time.Duration // by the server, since the beginning of the stream
	Came time.Duration
}

// has reports whether a list in a header field contains an element.
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
