// Uses the client that ogen generates into the package api. It prints a line for each step that has succeeded.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/go-faster/jx"
	"github.com/ogen-go/ogen/ogenerrors"

	"example.com/generated/events"
	"example.com/generated/ogen/api"
)

var room = api.RoomName(os.Getenv("PATHSYNC_ROOM"))

// token provides the bearer token, or none if it is empty.
type token string

func (t token) BearerAuth(context.Context, api.OperationName) (api.BearerAuth, error) {
	if t == "" {
		return api.BearerAuth{}, ogenerrors.ErrSkipClientSecurity
	}
	return api.BearerAuth{Token: string(t)}, nil
}

func (token) CookieAuth(context.Context, api.OperationName) (api.CookieAuth, error) {
	return api.CookieAuth{}, ogenerrors.ErrSkipClientSecurity
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server := os.Getenv("PATHSYNC_URL")
	anonymous := must(api.NewClient(server, token("")))
	client := must(api.NewClient(server, token(os.Getenv("PATHSYNC_TOKEN"))))
	post := func(batch api.Batch) api.SubmitBatchRes {
		return must(client.SubmitBatch(ctx, &batch, api.SubmitBatchParams{Room: room}))
	}

	refused := must(anonymous.GetRoom(ctx, api.GetRoomParams{Room: room})).(*api.UnauthenticatedHeaders)
	check(refused.Response.Code == api.ProblemCodeUnauthenticated, refused)
	step("401")

	added := post(api.Batch{ClientId: "ada", ClientSeq: api.NewOptClientSeq(1), Key: "default", Ops: []api.Operation{
		api.NewArrayAddOperationOperation(api.ArrayAddOperation{Path: "tasks", Value: api.Item{
			SyncID: api.NewOptString("t1"), AdditionalProps: api.ItemAdditional{"title": jx.Raw(`"Write"`)}}}),
		set("tasks[t1].done", "true"),
	}}).(*api.BatchResult)
	check(added.ServerSeq == 1 && added.Results[0].ArrayIndex.Value == 0 && added.Results[1].Status == api.OutcomeApplied, added)
	step("post")

	read := must(client.GetRoom(ctx, api.GetRoomParams{Room: room})).(*api.RoomHeaders)
	check(string(read.Response.Stores["default"].State) == `{"tasks":[{"_sync_id":"t1","title":"Write","done":true}]}`, read)
	step("read")

	after := api.EventId(read.Response.Epoch + "-1")
	polled := make(chan api.ListChangesRes)
	go func() {
		polled <- must(client.ListChanges(ctx, api.ListChangesParams{Room: room, After: api.NewOptEventId(after), Wait: api.NewOptInt(20)}))
	}()
	post(api.Batch{ClientId: "ada", ClientSeq: api.NewOptClientSeq(2), Key: "default", Ops: []api.Operation{set("title", `"Launch"`)}})
	change := (<-polled).(*api.ChangesHeaders).Response.Changes[0]
	check(change.ServerSeq == 2 && change.Ops[0].Op == api.OpNameSet && string(change.Ops[0].Value) == `"Launch"`, change)
	step("poll")

	stream(ctx, client, after)
	step("stream")

	invalid := post(api.Batch{ClientId: "ada", Key: "default", Ops: []api.Operation{set("a..b", "1")}}).(*api.SubmitBatchUnprocessableEntity)
	check(invalid.Code == api.ProblemCodeInvalidRequest && invalid.Errors[0].Pointer == "/ops/0/path", invalid)
	step("422")

	for {
		flood := post(api.Batch{ClientId: "flood", Key: "default", Ops: []api.Operation{set("n", "1")}})
		if limited, ok := flood.(*api.TooManyRequestsHeaders); ok {
			check(limited.Response.Code == api.ProblemCodeRateLimited && limited.RetryAfter.Value > 0, limited)
			break
		}
	}
	step("429")
}

// stream reads a stream up to the delta of the second batch.
func stream(ctx context.Context, client *api.Client, after api.EventId) {
	opened := must(client.StreamEvents(ctx, api.StreamEventsParams{Room: room, HeaderLastEventID: api.NewOptEventId(after)}))
	resp := opened.(*api.StreamEventsOKRawTextEventStream).Response
	defer resp.Body.Close()
	data := must(events.Next(resp.Body, "delta"))
	var delta api.DeltaEvent
	check(json.Unmarshal([]byte(data), &delta) == nil && delta.ServerSeq == 2 && delta.Ops[0].Path == "title", data)
}

func set(path api.Path, value string) api.Operation {
	return api.NewSetOperationOperation(api.SetOperation{Path: path, Value: api.JSONValue(value)})
}

func step(name string) { fmt.Println(name) }

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func check(ok bool, got any) {
	if !ok {
		log.Fatalf("unexpected: %+v", got)
	}
}
