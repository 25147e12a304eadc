package doctor_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/doctor"
)

type seen = doctor.Observations

// healthy returns observations without faults.
func healthy() doctor.Observations {
	ok := doctor.Reply{Status: 200, Header: http.Header{}, Arrived: doctor.Arrived{ID: "1", Name: "doctor", Bytes: 2, Host: "sync.test"}}
	slash, large := ok, ok
	slash.Arrived.Name, large.Arrived.Bytes = doctor.SlashName, doctor.LargeBytes
	stream := doctor.Stream{
		Reply: doctor.Reply{Status: 200, Header: http.Header{
			"Content-Type": {"text/event-stream"}, "Cache-Control": {"no-cache, no-transform"},
		}, Arrived: doctor.Arrived{ID: "2", LastEventID: doctor.LastEventID}},
		Proto: "HTTP/2.0", Planned: 10 * time.Second, Events: onTime(), Whole: true, Quiet: 10 * time.Second, Ended: 10 * time.Second,
		How: "a regular end",
	}
	return doctor.Observations{Host: "sync.test", Plain: ok, Slash: slash, Large: large, Stream: stream, Again: doctor.Reply{Arrived: doctor.Arrived{ID: "3"}}}
}

const ms = time.Millisecond

// onTime returns ten events that each took 80 ms.
func onTime() []doctor.Event {
	var events []doctor.Event
	for n := range 10 {
		sent := time.Duration(n) * time.Second
		events = append(events, doctor.Event{Sent: sent, Came: sent + 80*ms})
	}
	return events
}

// retime changes the arrival times of the events.
func retime(o *seen, came func(i int, e doctor.Event) time.Duration) {
	for i := range o.Stream.Events {
		o.Stream.Events[i].Came = came(i, o.Stream.Events[i])
	}
}

// html is an answer of another program.
func html(status int) doctor.Reply {
	return doctor.Reply{Status: status, Header: http.Header{"Content-Type": {"text/html"}}, Page: "Sign in"}
}

func refused(status int, code string) doctor.Reply {
	return doctor.Reply{Status: status, Header: http.Header{}, Problem: doctor.Problem{Code: code, Title: "No"}}
}

func TestDiagnoses(t *testing.T) {
	tests := map[string]struct {
		spoil func(o *seen)
		code  doctor.Code // "": none
		words string
		note  bool // not a fault
	}{
		"nothing": {func(*seen) {}, "", "", false},

		"a login page":  {func(o *seen) { o.Plain = html(200) }, doctor.OtherAnswer, `answered 200 with a page, "Sign in"`, false},
		"a bad gateway": {func(o *seen) { o.Plain = html(502) }, doctor.OtherAnswer, "502", false},
		"a redirect": {func(o *seen) {
			o.Plain = doctor.Reply{Status: 308, Header: http.Header{"Location": {"https://b.test/"}}}
		}, doctor.Redirected, "https://b.test/", false},
		"an older server":  {func(o *seen) { o.Plain = refused(404, "not_found") }, doctor.NoProbe, "older", false},
		"too many probes":  {func(o *seen) { o.Plain = refused(503, "overloaded") }, doctor.Refused, "overloaded", false},
		"too many streams": {func(o *seen) { o.Stream.Reply = refused(429, "rate_limited") }, doctor.Refused, "rate_limited", false},

		"a slash that is decoded":       {func(o *seen) { o.Slash = refused(404, "not_found") }, doctor.SlashRewritten, "%2F", false},
		"a slash that is refused":       {func(o *seen) { o.Slash = html(400) }, doctor.SlashRewritten, "answered 400", false},
		"a slash that is encoded twice": {func(o *seen) { o.Slash.Arrived.Name = "pathsync%2Fdoctor" }, doctor.SlashRewritten, "arrives as", false},

		"a body that is too large for a proxy":    {func(o *seen) { o.Large = html(413) }, doctor.BodyLimited, "413", false},
		"a body that breaks the connection":       {func(o *seen) { o.Large = doctor.Reply{Err: "EOF"} }, doctor.BodyLimited, "fails: EOF", false},
		"a body that is cut":                      {func(o *seen) { o.Large.Arrived.Bytes = 65_536 }, doctor.BodyLimited, "65536 bytes arrive", false},
		"a body that is too large for the server": {func(o *seen) { o.Large = refused(413, "body_too_large") }, doctor.BodyLimited, "--max-body-bytes", true},
		"a host that is rewritten":                {func(o *seen) { o.Plain.Arrived.Host = "inner:8080" }, doctor.HostRewritten, `sees "inner:8080"`, true},
		"a host in another case":                  {func(o *seen) { o.Host = "Sync.test" }, "", "", false},
		"a compressor that uses Accept-Encoding":  {func(o *seen) { o.Encoding = "br" }, doctor.Compressed, "(br)", false},
		"a compressor that ignores Accept-Encoding": {func(o *seen) {
			o.Encoding = "gzip"
			o.Stream.Header.Set("Content-Encoding", "gzip")
			o.Stream.Events, o.Stream.Whole = nil, false
		}, doctor.Compressed, "(gzip)", false},
		"a cache":                                   {func(o *seen) { o.Again.Arrived.ID = o.Stream.Arrived.ID }, doctor.Cached, "twice", false},
		"no Last-Event-ID":                          {func(o *seen) { o.Stream.Arrived.LastEventID = "" }, doctor.Stripped, "Last-Event-ID", false},
		"another Cache-Control":                     {func(o *seen) { o.Stream.Header.Set("Cache-Control", "max-age=60") }, doctor.Stripped, `"max-age=60"`, false},
		"Cache-Control in another notation":         {func(o *seen) { o.Stream.Header["Cache-Control"] = []string{"No-Cache", "private,no-transform"} }, "", "", false},
		"HTTP/1.1":                                  {func(o *seen) { o.Stream.Proto = "HTTP/1.1" }, doctor.SixConnections, "six connections", true},
		"a stream that is answered with a page":     {func(o *seen) { o.Stream.Reply = html(504) }, doctor.OtherAnswer, "does not let streams through", false},
		"a stream that is answered with other text": {func(o *seen) { o.Stream.Header.Set("Content-Type", "text/plain") }, doctor.OtherAnswer, `200 with "text/plain"`, false},

		"nothing, not even a header": {func(o *seen) {
			o.Stream = doctor.Stream{Reply: doctor.Reply{Err: "no answer in time"}, Planned: 10 * time.Second, Ended: 25 * time.Second}
		}, doctor.Buffered, "Of a stream of 10.0 s nothing arrived", false},
		"a connection that is reset at once": {func(o *seen) {
			o.Stream = doctor.Stream{Reply: doctor.Reply{Err: "connection reset by peer"}, Planned: 10 * time.Second, Ended: time.Second}
		}, doctor.OtherAnswer, "A stream fails: connection reset by peer.", false},
		"a header, and then nothing": {func(o *seen) {
			o.Stream.Whole, o.Stream.Quiet, o.Stream.Events, o.Stream.Arrived = false, 0, nil, doctor.Arrived{}
			o.Stream.Ended, o.Stream.How = 25*time.Second, "its end did not arrive"
		}, doctor.Buffered, "only the header arrived in 25.0 s", false},
		"everything at the end": {func(o *seen) { retime(o, func(int, doctor.Event) time.Duration { return 9100 * ms }) }, doctor.Buffered, "For 9.1 s nothing of the stream arrived, and then 10 events at once", false},
		"three by three": {func(o *seen) {
			retime(o, func(i int, e doctor.Event) time.Duration { return e.Came + time.Duration(2-i%3)*time.Second })
		}, doctor.Buffered, "7 of 10 events arrived late, by up to 2.0 s", false},
		"each when the next one comes": {func(o *seen) {
			retime(o, func(i int, e doctor.Event) time.Duration { return e.Came + time.Duration(min(9-i, 1))*time.Second })
		}, doctor.Buffered, "9 of 10", false},
		"a slow network": {func(o *seen) { retime(o, func(_ int, e doctor.Event) time.Duration { return e.Came + 3*time.Second }) }, "", "", false},
		"a network with one delay": {func(o *seen) {
			retime(o, func(i int, e doctor.Event) time.Duration { return e.Came + time.Duration(i/9)*4*time.Second })
		}, "", "", false},
		"small frames held for 200 ms": {func(o *seen) {
			retime(o, func(i int, e doctor.Event) time.Duration { return e.Came + time.Duration(i%2)*200*ms })
		}, "", "", false},

		"a cut while idle": {func(o *seen) { o.Stream.Whole, o.Stream.Quiet, o.Stream.Ended = false, 15*time.Second, 30*time.Second }, doctor.Cut, "cut after 30.0 s (a regular end), 15.0 s after its last byte", false},
		"a cut between events": {func(o *seen) {
			o.Stream.Whole, o.Stream.Quiet, o.Stream.Ended, o.Stream.How = false, 5*time.Second, 5*time.Second, "the connection was reset"
		}, doctor.Cut, "cut after 5.0 s (the connection was reset), in the middle", false},
		"an empty stream": {func(o *seen) {
			o.Stream.Whole, o.Stream.Quiet, o.Stream.Events, o.Stream.Arrived, o.Stream.Ended = false, 0, nil, doctor.Arrived{}, 100*ms
		}, doctor.Cut, "nothing of it arrived", false},
		"a server that shuts down": {func(o *seen) { o.Stream.Whole, o.Stream.Asked = false, true }, doctor.GoingAway, "Run the command again", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := healthy()
			test.spoil(&o)
			findings := doctor.Diagnose(o)
			if test.code == "" {
				if len(findings) > 0 {
					t.Errorf("found %+v", findings)
				}
				return
			}
			if len(findings) != 1 || findings[0].Code != test.code || findings[0].Fault == test.note || !strings.Contains(findings[0].Text, test.words) {
				t.Errorf("found %+v, want %s with %q", findings, test.code, test.words)
			}
		})
	}
}

func TestAllOfSeveralFaultsAreFound(t *testing.T) {
	o := healthy()
	o.Slash, o.Large, o.Host, o.Encoding = html(400), html(413), "outer.test", "gzip"
	o.Stream.Arrived.LastEventID, o.Stream.Whole, o.Stream.Proto = "", false, "HTTP/1.1"
	retime(&o, func(int, doctor.Event) time.Duration { return 9100 * ms })
	var codes []doctor.Code
	for _, f := range doctor.Diagnose(o) {
		codes = append(codes, f.Code)
		if !strings.HasPrefix(f.Recipe, "docs/run/proxies.md#") {
			t.Errorf("%s has no recipe", f.Code)
		}
	}
	want := []doctor.Code{
		doctor.SlashRewritten, doctor.BodyLimited, doctor.HostRewritten, doctor.Compressed, doctor.Buffered, doctor.Cut, doctor.Stripped,
		doctor.SixConnections,
	}
	if !slices.Equal(codes, want) {
		t.Errorf("found %v, want %v", codes, want)
	}
}

func TestProductsAreRecognisedByTheirHeaders(t *testing.T) {
	tests := map[string]struct {
		header http.Header
		names  []string
	}{
		"none":           {http.Header{"Content-Type": {"text/event-stream"}}, nil},
		"nginx":          {http.Header{"Server": {"nginx/1.26.3"}}, []string{"nginx"}},
		"IIS with ARR":   {http.Header{"Server": {"Microsoft-IIS/10.0"}, "X-Powered-By": {"ARR/3.0"}}, []string{"Microsoft IIS"}},
		"a CDN and more": {http.Header{"Via": {"1.1 varnish (Varnish/7.7)", "2.0 abc.cloudfront.net (CloudFront)"}}, []string{"Amazon CloudFront", "Varnish"}},
		"Cloudflare":     {http.Header{"Server": {"cloudflare"}, "Cf-Ray": {"8f"}}, []string{"Cloudflare"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := healthy()
			o.Plain.Header = test.header
			var names []string
			for _, p := range doctor.Products(o) {
				names = append(names, p.Name)
			}
			if !slices.Equal(names, test.names) {
				t.Errorf("named %v, want %v", names, test.names)
			}
		})
	}
}
