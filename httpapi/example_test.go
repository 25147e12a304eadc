package httpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/httpapi"
)

// A program that serves the API with its own http.Server, and shuts down in order.
func Example() {
	ctx := context.Background()
	api := httpapi.New(httpapi.Config{Hub: core.Config{Store: memstore.New()}})
	server := httptest.NewUnstartedServer(api)
	server.Config.ConnState = api.ConnState // counts connections for the memory estimate
	server.Start()

	body := `{"clientId":"ann","clientSeq":1,"key":"default","ops":[{"op":"set","path":"title","value":"Launch"}]}`
	resp, err := http.Post(server.URL+"/v1/rooms/board-7/ops", "application/json", strings.NewReader(body))
	print(resp, err)
	resp, err = http.Get(server.URL + "/v1/rooms/board-7/stores/absent")
	print(resp, err)

	api.Drain() // ends streams and long-polls
	fmt.Println(api.Wait(ctx))
	server.Close()
	fmt.Println(api.Hub().Close(ctx)) // saves all documents
	// Output:
	// 200 application/json "duplicate":false,"results":[{"status":"applied"}]}
	// 404 application/problem+json "code":"store_not_found","retryable":false}
	// <nil>
	// <nil>
}

// print prints the status, the type and the end of a response.
func print(resp *http.Response, err error) {
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	if i := bytes.LastIndex(text, []byte(`"duplicate"`)); i >= 0 {
		text = text[i:]
	} else if i := bytes.LastIndex(text, []byte(`"code"`)); i >= 0 {
		text = text[i:]
	}
	fmt.Println(resp.StatusCode, resp.Header.Get("Content-Type"), string(text))
}
