package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// A failover in the middle of an append, behind the address of a listener: the connection to the old primary breaks, and
// new connections reach another address. The client waits through it and gets the batch's first and only number.
func TestFailoverDuringCommitLogsBatchOnce(t *testing.T) {
	for _, stage := range []struct {
		name    string
		hold    func(*dbtest.Relay)
		logged  int // batches at the failover
		reached func(*dbtest.Relay) bool
	}{
		{"AfterTheCommit", (*dbtest.Relay).StallAnswers, 2, (*dbtest.Relay).HoldsAnswers},
		{"BeforeTheCommit", (*dbtest.Relay).Stall, 1, (*dbtest.Relay).HoldsQuestions},
	} {
		t.Run(stage.name, func(t *testing.T) {
			onEachEngine(t, func(t *testing.T, e engine) {
				if e.name == "SQLite" {
					t.Skip("there is no network before a file")
				}
				dsn := e.newDSN(t)
				primary, throughPrimary := dbtest.Relayed(t, dsn)
				secondary, _ := dbtest.Relayed(t, dsn)
				listener, throughListener := dbtest.Relayed(t, throughPrimary)
				direct := openDSN(t, dsn)
				post := poster(t, openDSN(t, throughListener))
				if a := post(1); a.status != http.StatusOK || a.ServerSeq != 1 {
					t.Fatalf("before the failover: %+v", a)
				}

				stage.hold(primary)
				answers := make(chan answered, 1)
				go func() { answers <- post(2) }()
				deadline := time.After(30 * time.Second)
				for !stage.reached(primary) || len(wholeLog(t, direct)) != stage.logged {
					select {
					case a := <-answers:
						t.Fatalf("answered before the failover: %+v", a)
					case <-deadline:
						t.Fatal("the append does not reach the moment of the failover")
					case <-time.After(time.Millisecond):
					}
				}
				listener.Redirect(secondary.Addr)
				primary.Cut() // for good: what the server does from now on goes through the secondary

				select {
				case a := <-answers:
					if a.status != http.StatusOK || a.ServerSeq != 2 {
						t.Errorf("the batch is answered %+v", a)
					}
				case <-time.After(time.Minute):
					t.Fatal("the batch is not answered")
				}
				again := func(clientSeq int) answered { // other connections to the primary are found broken when they are used
					deadline := time.Now().Add(10 * time.Second)
					for {
						a := post(clientSeq)
						if a.status != http.StatusServiceUnavailable || time.Now().After(deadline) {
							return a
						}
						<-time.After(time.Millisecond) // as a client would, if for longer
					}
				}
				if a := again(2); a.status != http.StatusOK || a.ServerSeq != 2 {
					t.Errorf("the batch sent again is answered %+v", a)
				}
				if a := again(3); a.status != http.StatusOK || a.ServerSeq != 3 {
					t.Errorf("the batch after it is answered %+v", a)
				}
				log := wholeLog(t, direct)
				if len(log) != 3 {
					t.Fatalf("the log has %d batches, want 3", len(log))
				}
				for i, b := range log {
					if b.ServerSeq != int64(i)+1 || b.ClientSeq != int64(i)+1 {
						t.Errorf("the log has batch %d of the client at %d", b.ClientSeq, b.ServerSeq)
					}
				}
			})
		})
	}
}

type answered struct {
	status    int
	ServerSeq int64 `json:"serverSeq"`
	body      string
}

// poster sends batches of one client to a server with a store.
func poster(t *testing.T, store core.Store) func(clientSeq int) answered {
	api := httpapi.New(httpapi.Config{
		Hub: core.Config{
			Store: store, StoreTimeout: 20 * time.Second, SubmitTimeout: 40 * time.Second,
			ServerBatch: time.Hour, // no checkpoint: an append is all that the store is called for
		},
		Feeds: feed.Config{MaxBytes: 1 << 20, Heartbeat: time.Minute},
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = api.Hub().Close(ctx)
	})
	return func(clientSeq int) (a answered) {
		body := fmt.Sprintf(`{"clientId":"ada","clientSeq":%d,"key":"default","ops":[{"op":"set","path":"n","value":%[1]d}]}`, clientSeq)
		request := httptest.NewRequest(http.MethodPost, "/v1/rooms/room/ops", strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		response := httptest.NewRecorder()
		api.ServeHTTP(response, request)
		a = answered{status: response.Code, body: response.Body.String()}
		_ = json.Unmarshal(response.Body.Bytes(), &a) // without a number if it is no answer
		return a
	}
}

func wholeLog(t *testing.T, store core.Store) []*core.Batch {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	log, err := store.Log(ctx, "room", 0, core.Page{Batches: 100, Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return log
}
