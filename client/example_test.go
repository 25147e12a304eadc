package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"

	"github.com/pathsync/pathsync/client"
	"github.com/pathsync/pathsync/server"
)

// start runs a server in memory.
func start(ctx context.Context) (url string, stop func()) {
	cfg := server.DefaultConfig()
	cfg.Database = "memory:"
	s, err := server.New(cfg)
	if err == nil {
		err = s.Open(ctx)
	}
	if err != nil {
		panic(err)
	}
	web := httptest.NewServer(s.Handler())
	return web.URL, func() {
		if err := s.Shutdown(ctx); err != nil {
			panic(err)
		}
		web.Close()
	}
}

func Example() {
	ctx := context.Background()
	url, stop := start(ctx)
	defer stop()

	c, err := client.New(client.Config{Server: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := c.Submit(ctx, "board-7", client.Batch{
		ClientID: "ada-1", ClientSeq: 1, Key: "default",
		Ops: []client.Op{{Path: "title", Op: "set", Value: json.RawMessage(`"Launch"`)}},
	})
	fmt.Println(result.ServerSeq, result.Results, err)

	room, err := c.Get(ctx, "board-7")
	fmt.Printf("%s %v\n", room.Stores["default"].State, err)
	// Output:
	// 1 [{applied }] <nil>
	// {"title":"Launch"} <nil>
}

// Tail begins with the documents and continues with the batches that follow. It ends when the loop does.
func ExampleClient_Tail() {
	ctx := context.Background()
	url, stop := start(ctx)
	defer stop()
	c, err := client.New(client.Config{Server: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	seq := int64(0)
	for event, err := range c.Tail(ctx, client.Subscription{Rooms: []string{"board-7"}}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		switch event.Name {
		case "up-to-date":
			fmt.Println("up to date")
		case "delta":
			var delta struct{ Ops []client.Op }
			if err := json.Unmarshal(event.Data, &delta); err != nil {
				fmt.Println(err)
				return
			}
			fmt.Printf("%s %s\n", delta.Ops[0].Path, delta.Ops[0].Value)
		default:
			continue
		}
		if seq++; seq > 2 {
			break
		}
		_, err = c.Submit(ctx, "board-7", client.Batch{
			ClientID: "ada-1", ClientSeq: seq, Key: "default",
			Ops: []client.Op{{Path: "n", Op: "set", Value: json.RawMessage(fmt.Sprint(seq))}},
		})
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output:
	// up to date
	// n 1
	// n 2
}

// A refusal is a *Problem with a stable code.
func ExampleProblem() {
	ctx := context.Background()
	url, stop := start(ctx)
	defer stop()
	c, err := client.New(client.Config{Server: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = c.GetDocument(ctx, "board-7", "missing")
	if problem := (*client.Problem)(nil); errors.As(err, &problem) {
		fmt.Println(problem.Status, problem.Code, problem.Retryable)
	}
	// Output:
	// 404 store_not_found false
}
