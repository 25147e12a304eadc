package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/pathsync/pathsync/tests/program"
)

// startWithAdmin starts a server with an address for operators, and returns a client for that address.
func startWithAdmin(t *testing.T, flags ...string) (*server, *operator) {
	t.Helper()
	s := startServer(t, append(flags, "--admin-listen", "127.0.0.1:0")...)
	line := s.process.Line(t, s.process.Stderr, `msg="admin listener is ready"`)
	url := regexp.MustCompile(`url=(http://\S+)/`).FindStringSubmatch(line)
	if url == nil {
		t.Fatalf("%q has no address", line)
	}
	return s, &operator{t: t, api: api{url: url[1], http: s.http}}
}

// operator sends requests to the operators' address.
type operator struct {
	api
	t *testing.T
}

func (o *operator) get(path string) reply {
	o.t.Helper()
	r, err := o.do(o.t.Context(), http.MethodGet, path, nil, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	return r
}

// metric returns the value of one series.
func (o *operator) metric(series string) float64 {
	o.t.Helper()
	r := o.get("/metrics")
	for line := range strings.Lines(string(r.body)) {
		if text, ok := strings.CutPrefix(line, series+" "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil {
				o.t.Fatal(err)
			}
			return value
		}
	}
	o.t.Fatalf("%d: there is no %s", r.status, series)
	return 0
}

func TestMetricsCountBatchesAndStreams(t *testing.T) {
	t.Parallel()
	s, admin := startWithAdmin(t)
	r := s.read("board", "")
	r.begins()
	s.set("board", "n", "1")
	r.reaches(1)
	for series, want := range map[string]float64{
		`pathsync_batches_total{result="committed"}`: 1,
		`pathsync_ops_total{result="applied"}`:       1,
		`pathsync_streams`:                           1,
		`pathsync_rooms`:                             1,
		`pathsync_database_up`:                       1,
		`pathsync_commit_seconds_count`:              1,
	} {
		if got := admin.metric(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	eventually(t, func() error { // the reader can have the batch before the server has measured it
		if n := admin.metric("pathsync_delivery_seconds_count"); n != 1 {
			return fmt.Errorf("%v deliveries are measured", n)
		}
		return nil
	})
}

func TestMetricsAndProfilesAreForOperatorsOnlyWhenTheyHaveAnAddress(t *testing.T) {
	t.Parallel()
	s, admin := startWithAdmin(t)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/symbol"} {
		if got := admin.get(path); got.status != http.StatusOK {
			t.Errorf("operators get %d at %s", got.status, path)
		}
		s.ask(http.MethodGet, path, nil, "").refused(t, http.StatusNotFound, "not_found")
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		s.get(path)
		if got := admin.get(path); got.status != http.StatusOK {
			t.Errorf("operators get %d at %s", got.status, path)
		}
	}
	for _, path := range []string{"/", "/v1/rooms/board", "/docs", "/debug/pprof/cmdline"} { // the command line may have secrets
		if got := admin.get(path); got.status != http.StatusNotFound {
			t.Errorf("the operators' address answers %d at %s", got.status, path)
		}
	}
}

func TestWithoutAnAddressForOperatorsThereAreMetricsAndNoProfiles(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	if body := s.get("/metrics").body; !strings.Contains(string(body), "\npathsync_streams 0\n") {
		t.Errorf("%s", body)
	}
	s.ask(http.MethodGet, "/debug/pprof/", nil, "").refused(t, http.StatusNotFound, "not_found")
}

func TestAServerThatIsDrainingIsNotReadyAndCanStillBeWatched(t *testing.T) {
	t.Parallel()
	s, admin := startWithAdmin(t)
	slow := s.beginPost("board", 100) // delays the end of the server
	s.process.Signal(t, syscall.SIGTERM)
	eventually(t, func() error {
		if r := admin.get("/readyz"); r.status != http.StatusServiceUnavailable || r.problem().Code != "shutting_down" {
			return fmt.Errorf("%d %s", r.status, r.body)
		}
		return nil
	})
	admin.metric("pathsync_streams")
	slow.Close()
	s.stopped()
}

func TestASIGTERMDoesNotWaitForStalledReaders(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.stalledStream("board")
	s.stop()
	if said := s.process.Stderr.String(); strings.Contains(said, "had to be cut") {
		t.Errorf("the server used its whole drain timeout:\n%s", said)
	}
}

func TestTheAccessLogIsThereWhenAskedFor(t *testing.T) {
	t.Parallel()
	for _, wanted := range []bool{true, false} {
		s := startServer(t, fmt.Sprintf("--access-log=%v", wanted), "--log-format", "text")
		r := s.read("board", "clientId=reader")
		r.begins()
		s.set("board", "n", "1")
		s.stop()
		said := s.process.Stderr.String()
		for _, line := range []string{`msg=request .*route="POST /v1/rooms/{room}/ops" .*status=200 `,
			`msg=stream .*query="?clientId=reader"? status=200 .*ended=closed`} {
			if regexp.MustCompile(line).MatchString(said) != wanted {
				t.Errorf("with --access-log=%v:\n%s", wanted, said)
			}
		}
	}
}

func TestAnAddressForOperatorsThatIsTakenIsAnErrorAndLeavesNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := program.Prepare(binary, "serve", "--listen", "127.0.0.1:0", "--database", "memory:", "--admin-listen", s.address).Start(t)
	if code := p.Wait(t, patience); code != 1 || !strings.Contains(p.Stderr.String(), "--admin-listen") {
		t.Errorf("exit code %d: %v", code, errors.New(p.Stderr.String()))
	}
}
