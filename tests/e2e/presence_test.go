package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// user is a present client.
type user struct {
	ClientID    string          `json:"clientId"`
	DisplayName string          `json:"displayName"`
	JoinedAt    int64           `json:"joinedAt"`
	Field       string          `json:"field"`
	Meta        json.RawMessage `json:"meta"`
}

// presenceChange lists the clients that joined, changed and left.
type presenceChange struct {
	Joined, Updated []user
	Left            []string
}

// users returns the present clients.
func (s *server) users(room string) []user {
	s.t.Helper()
	var present struct{ Users []user }
	if err := json.Unmarshal(s.get("/v1/rooms/"+room+"/presence").body, &present); err != nil {
		s.t.Fatal(err)
	}
	return present.Users
}

// watch opens a stream without a clientId, so its reader is not present.
func (s *server) watch(room string) *reader {
	s.t.Helper()
	r := s.read(room, "")
	r.begins()
	return r
}

// change waits for the next change of presence.
func (r *reader) change() (c presenceChange) {
	r.t.Helper()
	r.next("presence-change", &c)
	return c
}

// joins expects that the next change has one joined client and nothing else.
func (r *reader) joins(clientID string) user {
	r.t.Helper()
	c := r.change()
	if len(c.Joined) != 1 || c.Joined[0].ClientID != clientID || len(c.Updated)+len(c.Left) > 0 {
		r.t.Fatalf("got %+v, want only that %s joins", c, clientID)
	}
	return c.Joined[0]
}

// leaves expects that the next change has one client that left and nothing else.
func (r *reader) leaves(clientID string) {
	r.t.Helper()
	c := r.change()
	if !slices.Equal(c.Left, []string{clientID}) || len(c.Updated)+len(c.Joined) > 0 {
		r.t.Fatalf("got %+v, want only that %s leaves", c, clientID)
	}
}

func TestOpeningAStreamMakesAClientPresent(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	watcher := s.watch("board")
	ann := s.read("board", "clientId=ann&displayName=Ann%20%F0%9F%9A%80")
	joined := watcher.joins("ann")
	if joined.DisplayName != "Ann 🚀" || time.Since(time.UnixMilli(joined.JoinedAt)).Abs() > patience {
		t.Errorf("%+v has joined", joined)
	}
	var present struct{ Users []user }
	ann.next("presence", &present)
	if len(present.Users) != 1 || present.Users[0].ClientID != "ann" {
		t.Errorf("Ann receives the present clients %+v", present.Users)
	}

	cursor := `{"field":"title","meta":{"colour":"red"}}`
	if r := s.ask(http.MethodPut, "/v1/rooms/board/presence/ann", nil, cursor); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	c := watcher.change()
	if len(c.Updated) != 1 || c.Updated[0].Field != "title" || string(c.Updated[0].Meta) != `{"colour":"red"}` || c.Updated[0].DisplayName != "Ann 🚀" {
		t.Errorf("Ann has changed: %+v", c)
	}
	if got := s.users("board"); len(got) != 1 || got[0].Field != "title" || len(s.users("attic")) != 0 {
		t.Errorf("present are %+v", got)
	}
}

func TestLeavingEndsPresenceAtOnce(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--presence-timeout-ms", "86400000") // no lease ends in this test
	watcher := s.watch("board")
	for _, goodbye := range []struct {
		method, path string
		header       http.Header
		body         string
	}{
		{method: http.MethodDelete, path: "/v1/rooms/board/presence/ann"},
		{method: http.MethodPost, path: "/v1/rooms/board/presence/ann/leave"},
		{http.MethodPost, "/v1/rooms/board/presence/ann/leave", http.Header{"Content-Type": {"text/plain;charset=UTF-8"}}, "from sendBeacon"},
	} {
		ann := s.read("board", "clientId=ann")
		watcher.joins("ann")
		for range 2 { // the second time changes nothing
			if r := s.ask(goodbye.method, goodbye.path, goodbye.header, goodbye.body); r.status != http.StatusNoContent {
				t.Fatalf("%s %s: %d %s", goodbye.method, goodbye.path, r.status, r.body)
			}
		}
		watcher.leaves("ann")
		ann.close()
	}
	if got := s.users("board"); len(got) != 0 {
		t.Errorf("present are %+v", got)
	}
}

func TestDisconnectingEndsPresenceAfterTheGracePeriod(t *testing.T) {
	t.Parallel()
	const grace = 700 * time.Millisecond
	s := startServer(t, "--presence-timeout-ms", "700")
	watcher := s.watch("board")
	ann := s.read("board", "clientId=ann")
	watcher.joins("ann")
	gone := time.Now()
	ann.close()
	if got := s.users("board"); len(got) != 1 && time.Since(gone) < grace {
		t.Errorf("during the grace period, present are %+v", got)
	}
	watcher.leaves("ann")
	if after := time.Since(gone); after < grace {
		t.Errorf("Ann left after %s", after)
	}
}

func TestAReloadDoesNotEndPresence(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--presence-timeout-ms", "5000") // longer than a busy machine may take for a reload
	watcher := s.watch("board")
	ann := s.read("board", "clientId=ann&displayName=Ann")
	first := watcher.joins("ann")
	s.read("board", "clientId=ben")
	watcher.joins("ben")

	ann.close()
	ann = s.read("board", "clientId=ann")
	if got := s.users("board"); len(got) != 2 || got[0].JoinedAt != first.JoinedAt || got[0].DisplayName != "Ann" {
		t.Errorf("after the reload, present are %+v", got)
	}
	// Cleo joins and disconnects after Ann's reload: when Cleo's grace period ends, Ann's would have ended, too.
	cleo := s.read("board", "clientId=cleo")
	watcher.joins("cleo")
	cleo.close()
	watcher.leaves("cleo")
	if got := s.users("board"); len(got) != 2 {
		t.Errorf("at the end, present are %+v", got)
	}
	s.set("board", "n", "1")
	ann.reaches(1)
}

func TestASecondStreamOfAClientReplacesTheFirst(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	watcher := s.watch("board")
	first := s.read("board", "clientId=ann")
	first.begins()
	watcher.joins("ann")
	second := s.read("board", "clientId=ann")
	second.begins()
	elsewhere := s.read("attic", "clientId=ann")
	elsewhere.begins()

	var why problem
	all := first.rest()
	last := all[len(all)-1]
	if err := json.Unmarshal(last.data, &why); err != nil || last.name != "problem" || why.Code != "stream_replaced" || why.Retryable {
		t.Errorf("the first stream ended with %s %s", last.name, last.data)
	}
	s.set("board", "n", "1")
	second.reaches(1)
	s.set("attic", "n", "1")
	elsewhere.reaches(1)
	if got := s.users("board"); len(got) != 1 {
		t.Errorf("present are %+v", got)
	}
	s.ask(http.MethodDelete, "/v1/rooms/board/presence/ann", nil, "")
	watcher.leaves("ann") // and there was no other change before
}

func TestAClientWithoutAStreamIsPresentOnItsLease(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--presence-timeout-ms", "4000") // longer than a busy machine may take to report a joined client
	watcher := s.watch("board")
	s.ask(http.MethodPut, "/v1/rooms/board/presence/poller", nil, `{"displayName":"Polls","field":"title"}`)
	if joined := watcher.joins("poller"); joined.DisplayName != "Polls" || joined.Field != "title" {
		t.Errorf("%+v has joined", joined)
	}
	watcher.leaves("poller")
}

func TestNamesOfAClientCannotInjectEvents(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	watcher := s.watch("board")
	s.read("board", "clientId="+strings.Repeat("a", 100)+"&displayName=%22%7D%5D%7B")
	if joined := watcher.joins(strings.Repeat("a", 100)); joined.DisplayName != `"}]{` {
		t.Errorf("%+v has joined", joined)
	}
	for _, query := range []string{"clientId=a%0Adata:%20x", "clientId=a&displayName=b%0D%0A%0D%0Aevent:%20delta", "clientId=%00"} {
		s.ask(http.MethodGet, "/v1/rooms/board/events?"+query, nil, "").refused(t, http.StatusUnprocessableEntity, "invalid_name")
	}
}
