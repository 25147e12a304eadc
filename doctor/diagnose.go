package doctor

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Finding is one conclusion from the observations.
type Finding struct {
	Code   Code   `json:"code"`
	Fault  bool   `json:"fault"` // false: a note about something that works
	Text   string `json:"text"`
	Recipe string `json:"recipe,omitempty"` // page and anchor of the fix
}

// Code is the stable name of a finding.
type Code string

// The codes.
const (
	OtherAnswer    Code = "other_answer"
	Redirected     Code = "redirected"
	NoProbe        Code = "no_probe"
	Refused        Code = "refused"
	NoAnswer       Code = "no_answer"
	SlashRewritten Code = "slash_rewritten"
	BodyLimited    Code = "body_limited"
	HostRewritten  Code = "host_rewritten"
	Compressed     Code = "stream_compressed"
	Buffered       Code = "stream_buffered"
	Cut            Code = "stream_cut"
	Stripped       Code = "header_stripped"
	Cached         Code = "cached"
	SixConnections Code = "six_connections"
	GoingAway      Code = "going_away"
)

// recipes are the pages of the fixes.
var recipes = map[Code]string{
	SlashRewritten: "docs/run/proxies.md#slash",
	BodyLimited:    "docs/run/proxies.md#bodies",
	HostRewritten:  "docs/run/proxies.md#host",
	Compressed:     "docs/run/proxies.md#compressed",
	Buffered:       "docs/run/proxies.md#buffered",
	Cut:            "docs/run/proxies.md#cut",
	Stripped:       "docs/run/proxies.md#stripped",
	Cached:         "docs/run/proxies.md#cached",
	SixConnections: "docs/run/proxies.md#six-connections",
}

func found(fault bool, code Code, format string, args ...any) []Finding {
	return []Finding{{code, fault, fmt.Sprintf(format, args...), recipes[code]}}
}

func fault(code Code, format string, args ...any) []Finding {
	return found(true, code, format, args...)
}
func note(code Code, format string, args ...any) []Finding {
	return found(false, code, format, args...)
}

// Diagnose returns the findings, possible causes before their effects. It is pure.
func Diagnose(o Observations) []Finding {
	if blocked := plain(o); blocked != nil {
		return blocked // every other check would fail for the same reason
	}
	all := []Finding{}
	for _, check := range []func(Observations) []Finding{
		slash, large, host, compressed, stream, stripped, cached, connections,
	} {
		all = append(all, check(o)...)
	}
	return all
}

// plain checks whether the simplest request works.
func plain(o Observations) []Finding {
	r := o.Plain
	switch {
	case r.OK():
		return nil
	case r.Problem.Code == "not_found":
		return fault(NoProbe, "The server does not have /v1/probe: it is older than this command, or the URL has a wrong path.")
	case r.Problem.Code != "":
		return fault(Refused, "The server refuses a probe: %s (%s).", r.Problem.Title, r.Problem.Code)
	case r.Status/100 == 3:
		return fault(Redirected, "The URL redirects to %s. Configure the clients with that URL: redirects lose POST requests.", r.Header.Get("Location"))
	default:
		return fault(OtherAnswer, "%s The answer is not from pathsync: it is a login page, or from a proxy or another program.", answered("A request", r))
	}
}

// answered describes the answer to a request that did not reach the server.
func answered(what string, r Reply) string {
	switch {
	case r.Err != "":
		return fmt.Sprintf("%s fails: %s.", what, r.Err)
	case r.Page != "":
		return fmt.Sprintf("%s is answered %d with a page, %q.", what, r.Status, r.Page)
	case r.Problem.Code != "":
		return fmt.Sprintf("%s is answered %d (%s).", what, r.Status, r.Problem.Code)
	default:
		return fmt.Sprintf("%s is answered %d with %q.", what, r.Status, r.Header.Get("Content-Type"))
	}
}

// slash checks whether `%2F` in a path arrives unchanged.
func slash(o Observations) []Finding {
	r := o.Slash
	switch {
	case !r.OK():
		return fault(SlashRewritten, "%s Without %%2F in the path it works: an intermediary decodes or refuses it. Rooms with a slash in their names cannot be reached.",
			answered("A name with a slash", r))
	case r.Arrived.Name != SlashName:
		return fault(SlashRewritten, "The name %q arrives as %q: an intermediary rewrites paths.", SlashName, r.Arrived.Name)
	}
	return nil
}

// large checks whether a body of 1 MiB arrives.
func large(o Observations) []Finding {
	r := o.Large
	switch {
	case r.OK() && r.Arrived.Bytes == LargeBytes:
		return nil
	case r.OK():
		return fault(BodyLimited, "Of a body of 1 MiB %d bytes arrive.", r.Arrived.Bytes)
	case r.Problem.Code == "body_too_large":
		return note(BodyLimited, "The server itself accepts less than 1 MiB in one body (--max-body-bytes).")
	default:
		return fault(BodyLimited, "%s A small one works: an intermediary limits bodies.", answered("A body of 1 MiB", r))
	}
}

// host checks whether the server sees the host name of the URL.
func host(o Observations) []Finding {
	seen := o.Plain.Arrived.Host
	if strings.EqualFold(seen, o.Host) {
		return nil
	}
	return note(HostRewritten, "The URL has the host %q, and the server sees %q. Over plain HTTP, the server then refuses requests of pages with a cookie, and requests while a page closes, as cross-origin. "+
		"Configure the proxy to forward the host in Host or in X-Forwarded-Host.", o.Host, seen)
}

// compressed checks whether a proxy ignores `no-transform`.
func compressed(o Observations) []Finding {
	if o.Encoding == "" {
		return nil
	}
	return fault(Compressed, "The stream arrives compressed (%s), which the server forbids by no-transform: a compressor delays events until its buffer is full.", o.Encoding)
}

// stream checks how a stream arrives.
func stream(o Observations) []Finding {
	s := o.Stream
	encoded := s.Header.Get("Content-Encoding") != ""
	switch {
	case s.Err != "" && s.Ended < s.Planned/2:
		return fault(OtherAnswer, "%s Other requests work: an intermediary does not let streams through.", answered("A stream", s.Reply))
	case s.Err != "":
		return fault(Buffered, "Of a stream of %s nothing arrived, not even its beginning: %s. Other requests work: an intermediary waits for the end of an answer before it forwards it.",
			seconds(s.Planned), s.Err)
	case s.Problem.Code != "":
		return fault(Refused, "The server refuses a stream: %s (%s).", s.Problem.Title, s.Problem.Code)
	case s.Status != http.StatusOK || !strings.HasPrefix(s.Header.Get("Content-Type"), "text/event-stream"):
		return fault(OtherAnswer, "%s Other requests work: an intermediary does not let streams through.", answered("A stream", s.Reply))
	case encoded:
		return nil // the events are not readable; see compressed
	}
	return append(held(s), ended(s)...)
}

// An event is late if it takes this much longer than the fastest one. Networks delay some events, and a buffer delays most:
// up to one in tolerateLate may be late.
const (
	tolerable    = 500 * time.Millisecond
	tolerateLate = 3
)

// held checks whether a proxy delays events.
func held(s Stream) []Finding {
	if len(s.Events) == 0 {
		return nil
	}
	least := s.Events[0].Came - s.Events[0].Sent
	for _, e := range s.Events {
		least = min(least, e.Came-e.Sent)
	}
	late, most := 0, time.Duration(0)
	for _, e := range s.Events {
		excess := e.Came - e.Sent - least
		most = max(most, excess)
		if excess > tolerable {
			late++
		}
	}
	if late*tolerateLate <= len(s.Events) {
		return nil
	}
	first, last := s.Events[0].Came, s.Events[len(s.Events)-1].Came
	if last-first < tolerable {
		return fault(Buffered, "For %s nothing of the stream arrived, and then %d events at once, which the server had sent one by one: an intermediary buffers them.",
			seconds(first), len(s.Events))
	}
	return fault(Buffered, "%d of %d events arrived late, by up to %s: an intermediary buffers them.", late, len(s.Events), seconds(most))
}

// ended checks how the stream ended.
func ended(s Stream) []Finding {
	switch {
	case s.Whole:
		return nil
	case s.Asked:
		return note(GoingAway, "The server was shutting down, which ended the stream early. Run the command again.")
	case s.Quiet == 0 && s.Ended >= s.Planned:
		return fault(Buffered, "Of a stream of %s only the header arrived in %s (%s): an intermediary waits for its end, or for more of it.",
			seconds(s.Planned), seconds(s.Ended), s.How)
	case s.Quiet == 0:
		return fault(Cut, "The stream was cut after %s (%s); nothing of it arrived.", seconds(s.Ended), s.How)
	case s.Ended-s.Quiet > time.Second:
		return fault(Cut, "The stream was cut after %s (%s), %s after its last byte.", seconds(s.Ended), s.How, seconds(s.Ended-s.Quiet))
	default:
		return fault(Cut, "The stream was cut after %s (%s), in the middle of the events: an intermediary limits the time of an answer.",
			seconds(s.Ended), s.How)
	}
}

// stripped checks whether header fields arrive.
func stripped(o Observations) []Finding {
	s := o.Stream
	if !s.OK() {
		return nil
	}
	var all []Finding
	if s.Arrived.LastEventID == "" {
		all = append(all, fault(Stripped, "Last-Event-ID does not reach the server: an EventSource that reconnects starts from the beginning each time.")...)
	}
	if !has(s.Header, "Cache-Control", "no-transform") || !has(s.Header, "Cache-Control", "no-cache") {
		all = append(all, fault(Stripped, "Cache-Control of a stream arrives as %q instead of \"no-cache, no-transform\": the next proxy may store or compress it.",
			s.Header.Get("Cache-Control"))...)
	}
	return all
}

// cached checks whether a cache repeats an answer.
func cached(o Observations) []Finding {
	id := o.Stream.Arrived.ID
	if id == "" || id != o.Again.Arrived.ID {
		return nil
	}
	return fault(Cached, "The same answer arrived twice: an intermediary caches answers, although Cache-Control forbids it.")
}

// connections notes the connection limit of browsers.
func connections(o Observations) []Finding {
	if !strings.HasPrefix(o.Stream.Proto, "HTTP/1.") {
		return nil
	}
	return note(SixConnections, "%s: a browser opens at most six connections to one host, for all its tabs together, and each stream uses one. HTTP/2, which browsers use over TLS only, has no such limit.",
		o.Stream.Proto)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
