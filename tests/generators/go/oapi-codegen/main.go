// Uses the client that oapi-codegen generates into the package api. It prints a line for each step that has succeeded.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"example.com/generated/events"
	"example.com/generated/oapi-codegen/api"
)

var room = os.Getenv("PATHSYNC_ROOM")

func bearer(_ context.Context, req *http.Request) error {
	req.Header.Set("Authorization", "Bearer "+os.Getenv("PATHSYNC_TOKEN"))
	return nil
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server := os.Getenv("PATHSYNC_URL")
	anonymous := must(api.NewClientWithResponses(server))
	client := must(api.NewClientWithResponses(server, api.WithRequestEditorFn(bearer)))

	refused := must(anonymous.GetRoomWithResponse(ctx, room, nil))
	check(refused.ApplicationproblemJSON401.Code == api.ProblemCodeUnauthenticated, refused.Body)
	step("401")

	batch := api.Batch{ClientId: "ada", ClientSeq: new(int64(1)), Key: "default", Ops: []api.Operation{
		add("tasks", api.Item{UnderscoreSyncId: new("t1"), AdditionalProperties: map[string]any{"title": "Write"}}),
		set("tasks[t1].done", true),
	}}
	added := must(client.SubmitBatchWithResponse(ctx, room, batch))
	check(added.JSON200.ServerSeq == 1 && *added.JSON200.Results[0].ArrayIndex == 0, added.Body)
	step("post")

	read := must(client.GetRoomWithResponse(ctx, room, nil))
	check(text(read.JSON200.Stores["default"].State) == `{"tasks":[{"_sync_id":"t1","done":true,"title":"Write"}]}`, read.Body)
	step("read")

	after := read.JSON200.Epoch + "-1"
	polled := make(chan *api.ListChangesResponse)
	go func() {
		polled <- must(client.ListChangesWithResponse(ctx, room, &api.ListChangesParams{After: &after, Wait: new(20)}))
	}()
	batch = api.Batch{ClientId: "ada", ClientSeq: new(int64(2)), Key: "default", Ops: []api.Operation{set("title", "Launch")}}
	must(client.SubmitBatchWithResponse(ctx, room, batch))
	page := <-polled
	change := page.JSON200.Changes[0]
	check(change.ServerSeq == 2 && change.Ops[0].Op == api.OpNameSet && *change.Ops[0].Value == "Launch", page.Body)
	step("poll")

	stream(ctx, client, after)
	step("stream")

	batch.Ops = []api.Operation{set("a..b", 1)}
	invalid := must(client.SubmitBatchWithResponse(ctx, room, batch))
	problem := invalid.ApplicationproblemJSON422
	check(problem.Code == api.ProblemCodeInvalidRequest && (*problem.Errors)[0].Pointer == "/ops/0/path", invalid.Body)
	step("422")

	batch = api.Batch{ClientId: "flood", Key: "default", Ops: []api.Operation{set("n", 1)}}
	for {
		flood := must(client.SubmitBatchWithResponse(ctx, room, batch))
		if limited := flood.ApplicationproblemJSON429; limited != nil {
			check(limited.Code == api.ProblemCodeRateLimited && limited.Retryable && *flood.Headers429.RetryAfter > 0, flood.Body)
			break
		}
	}
	step("429")
}

// stream reads a stream up to the delta of the second batch.
func stream(ctx context.Context, client *api.ClientWithResponses, after string) {
	resp := must(client.StreamEvents(ctx, room, &api.StreamEventsParams{LastEventID: &after}))
	defer resp.Body.Close()
	data := must(events.Next(resp.Body, "delta"))
	var delta api.DeltaEvent
	check(json.Unmarshal([]byte(data), &delta) == nil && delta.ServerSeq == 2 && delta.Ops[0].Path == "title", []byte(data))
}

func add(path string, item api.Item) (op api.Operation) {
	check(op.FromArrayAddOperation(api.ArrayAddOperation{Path: path, Value: item}) == nil, nil)
	return op
}

func set(path string, value any) (op api.Operation) {
	check(op.FromSetOperation(api.SetOperation{Path: path, Value: value}) == nil, nil)
	return op
}

func text(value any) string { return string(must(json.Marshal(value))) }

func step(name string) { fmt.Println(name) }

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func check(ok bool, body []byte) {
	if !ok {
		log.Fatalf("unexpected: %s", body)
	}
}
