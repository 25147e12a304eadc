package e2e

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/r3labs/sse/v2"
	"gopkg.in/cenkalti/backoff.v1"
)

// readWithR3labs reads one stream with an independent SSE client, until it ends or take fails.
func readWithR3labs(ctx context.Context, a api, path, position string, take func(event) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	client := sse.NewClient(a.url+path, sse.ClientMaxBufferSize(16<<20))
	client.Connection = a.http
	client.ReconnectStrategy = &backoff.StopBackOff{} // the caller reconnects
	client.ResponseValidator = func(_ *sse.Client, resp *http.Response) error {
		if resp.StatusCode != http.StatusOK {
			return &problem{Status: resp.StatusCode, Retryable: resp.StatusCode == http.StatusServiceUnavailable}
		}
		return nil
	}
	if position != "" {
		client.LastEventID.Store([]byte(position))
	}
	err := client.SubscribeRawWithContext(ctx, func(e *sse.Event) {
		// This client hands over what came of an event when a stream breaks off. Half a JSON text shows that.
		if context.Cause(ctx) != nil || !json.Valid(e.Data) {
			return
		}
		if err := take(event{string(e.Event), string(e.ID), e.Data}); err != nil {
			cancel(err)
		}
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
