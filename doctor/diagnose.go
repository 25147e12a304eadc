package doctor

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Finding is one thing that was found.
type Finding struct {
	Code   Code   `json:"code"`
	Fault  bool   `json:"fault"` // false: worth knowing, and works
	Text   string `json:"text"`
	Recipe string `json:"recipe,omitempty"` // where it is said how to mend it
}

// Code is the stable name of what was found.
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

// recipes are where it is said how to mend a fault.
var recipes = map[Code]string{
	SlashRewritten: "docs/proxies.md#slash",
	BodyLimited:    "docs/proxies.md#bodies",
	HostRewritten:  "docs/proxies.md#host",
	Compressed:     "docs/proxies.md#compressed",
	Buffered:       "docs/proxies.md#buffered",
	Cut:            "docs/proxies.md#cut",
	Stripped:       "docs/proxies.md#stripped",
	Cached:         "docs/proxies.md#cached",
	SixConnections: "docs/proxies.md#six-connections",
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

// Diagnose makes findings of observations, those first that may be the cause of others.
func Diagnose(o Observations) []Finding {
	if blocked := plain(o); blocked != nil {
		return blocked // everything else would fail for the same reason
	}
	all := []Finding{}
	for _, check := range []func(Observations) []Finding{
		slash, large, host, compressed, stream, stripped, cached, connections,
	} {
		all = append(all, check(o)...)
	}
	return all
}

// plain says why not even the simplest request works.
func plain(o Observations) []Finding {
	r := o.Plain
	switch {
	case r.OK():
		return nil
	case r.Problem.Code == "not_found":
		return fault(NoProbe, "The server knows no /v1/probe: it is older than this command, or the address has a path that does not belong to it.")
	case r.Problem.Code != "":
		return fault(Refused, "The server refuses even a probe: %s (%s).", r.Problem.Title, r.Problem.Code)
	case r.Status/100 == 3:
		return fault(Redirected, "The address only leads to another: %s. Give that one to the clients; a POST does not survive being redirected.", r.Header.Get("Location"))
	default:
		return fault(OtherAnswer, "%s It is not pathsync that answers: a login page, an error page of a proxy, or another program.", answered("A request", r))
	}
}

// answered says what came of a request that the server has not seen.
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

// slash looks whether `%2F` in an address stays what it is.
func slash(o Observations) []Finding {
	r := o.Slash
	switch {
	case !r.OK():
		return fault(SlashRewritten, "%s Without %%2F in the address it works: something on the way decodes or refuses it. Rooms with a slash in their names cannot be reached.",
			answered("A name with a slash in it", r))
	case r.Arrived.Name != SlashName:
		return fault(SlashRewritten, "The name %q arrives as %q: something on the way writes addresses anew.", SlashName, r.Arrived.Name)
	}
	return nil
}

// large looks whether a body of the size arrives that the server takes.
func large(o Observations) []Finding {
	r := o.Large
	switch {
	case r.OK() && r.Arrived.Bytes == LargeBytes:
		return nil
	case r.OK():
		return fault(BodyLimited, "Of a body of 1 MiB %d bytes arrive.", r.Arrived.Bytes)
	case r.Problem.Code == "body_too_large":
		return note(BodyLimited, "The server itself takes less than 1 MiB in one body (--max-body-bytes).")
	default:
		return fault(BodyLimited, "%s A small one works: something on the way limits bodies.", answered("A body of 1 MiB", r))
	}
}

// host looks whether the server knows by which name it was asked.
func host(o Observations) []Finding {
	seen := o.Plain.Arrived.Host
	if strings.EqualFold(seen, o.Host) {
		return nil
	}
	return note(HostRewritten, "The server was asked as %q and sees %q. Over plain HTTP, what pages send with a cookie, or while they are left, then looks as if it came from elsewhere, and is refused. "+
		"Have the proxy pass the host on, in Host or in X-Forwarded-Host.", o.Host, seen)
}

// compressed looks whether something has ignored `no-transform`.
func compressed(o Observations) []Finding {
	if o.Encoding == "" {
		return nil
	}
	return fault(Compressed, "The stream comes compressed (%s), which the server has forbidden by no-transform: a compressor holds events back until it has enough of them.", o.Encoding)
}

// stream looks at what has become of the events.
func stream(o Observations) []Finding {
	s := o.Stream
	encoded := s.Header.Get("Content-Encoding") != ""
	switch {
	case s.Err != "" && s.Ended < s.Planned/2:
		return fault(OtherAnswer, "%s Other requests work: something on the way does not let streams through.", answered("A stream", s.Reply))
	case s.Err != "":
		return fault(Buffered, "Of a stream of %s nothing came, not even its beginning: %s. Other requests work: something on the way waits for the end of an answer before it passes it on.",
			seconds(s.Planned), s.Err)
	case s.Problem.Code != "":
		return fault(Refused, "The server refuses a stream: %s (%s).", s.Problem.Title, s.Problem.Code)
	case s.Status != http.StatusOK || !strings.HasPrefix(s.Header.Get("Content-Type"), "text/event-stream"):
		return fault(OtherAnswer, "%s Other requests work: something on the way does not let streams through.", answered("A stream", s.Reply))
	case encoded:
		return nil // its events cannot be read; see compressed
	}
	return append(held(s), ended(s)...)
}

// How late an event may come, compared with the one that came the quickest, and how many may come later: a network
// stumbles now and then, a buffer always.
const (
	tolerable    = 500 * time.Millisecond
	tolerateLate = 3 // one in so many
)

// held looks whether events were held back on the way.
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
		return fault(Buffered, "Nothing of the stream came for %s, and then %d events at once, which the server had sent one by one: something on the way collects them.",
			seconds(first), len(s.Events))
	}
	return fault(Buffered, "%d of %d events came late, by up to %s: something on the way collects them.", late, len(s.Events), seconds(most))
}

// ended looks whether the stream came to its end.
func ended(s Stream) []Finding {
	switch {
	case s.Whole:
		return nil
	case s.Asked:
		return note(GoingAway, "The server was going away, so that the stream ended early. Ask again.")
	case s.Quiet == 0 && s.Ended >= s.Planned:
		return fault(Buffered, "Of a stream of %s only the header came in %s (%s): something on the way waits for its end, or for more of it.",
			seconds(s.Planned), seconds(s.Ended), s.How)
	case s.Quiet == 0:
		return fault(Cut, "The stream was cut after %s (%s); nothing of it came.", seconds(s.Ended), s.How)
	case s.Ended-s.Quiet > time.Second:
		return fault(Cut, "The stream was cut after %s (%s), %s after its last byte.", seconds(s.Ended), s.How, seconds(s.Ended-s.Quiet))
	default:
		return fault(Cut, "The stream was cut after %s (%s), in the middle of things: something on the way limits how long an answer may take.",
			seconds(s.Ended), s.How)
	}
}

// stripped looks for header fields that got lost.
func stripped(o Observations) []Finding {
	s := o.Stream
	if !s.OK() {
		return nil
	}
	var all []Finding
	if s.Arrived.LastEventID == "" {
		all = append(all, fault(Stripped, "Last-Event-ID does not arrive at the server: an EventSource that comes back begins anew each time.")...)
	}
	if !has(s.Header, "Cache-Control", "no-transform") || !has(s.Header, "Cache-Control", "no-cache") {
		all = append(all, fault(Stripped, "Cache-Control of a stream comes as %q and not as \"no-cache, no-transform\": whatever is further on may store or compress it.",
			s.Header.Get("Cache-Control"))...)
	}
	return all
}

// cached looks whether an answer has been given to somebody before.
func cached(o Observations) []Finding {
	id := o.Stream.Arrived.ID
	if id == "" || id != o.Again.Arrived.ID {
		return nil
	}
	return fault(Cached, "The same answer came twice: something on the way keeps answers, whatever Cache-Control says.")
}

// connections looks whether a browser can have many streams.
func connections(o Observations) []Finding {
	if !strings.HasPrefix(o.Stream.Proto, "HTTP/1.") {
		return nil
	}
	return note(SixConnections, "%s: a browser opens no more than six connections to one host, for all its tabs together, and each stream takes one. HTTP/2, which browsers speak over TLS only, has no such limit.",
		o.Stream.Proto)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
