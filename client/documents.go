package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
)

// RoomDocument is one document of a room.
type RoomDocument struct {
	EventID string // position in the room as of which all documents are
	Key     string
	Document
}

// Documents returns the documents of a room, all at one position. In contrast to Get, it keeps one document in memory at a
// time. The loop must take each within Patience. A request is retried as by
// Submit, until the answer begins. After an error, which is in the last pair, documents are missing.
func (c *Client) Documents(ctx context.Context, room string) iter.Seq2[RoomDocument, error] {
	return func(yield func(RoomDocument, error) bool) {
		var resp *http.Response
		err := c.retry(ctx, func() (err error) {
			resp, err = c.send(ctx, http.MethodGet, c.roomURL(room), nil) //nolint:bodyclose // closed below
			return err
		})
		if err != nil {
			yield(RoomDocument{}, err)
			return
		}
		defer resp.Body.Close()
		d := RoomDocument{EventID: strings.Trim(strings.TrimPrefix(resp.Header.Get("ETag"), "W/"), `"`)}
		more := true
		err = readStores(json.NewDecoder(resp.Body), func(key string, document Document) bool {
			d.Key, d.Document = key, document
			more = yield(d, nil)
			return more
		})
		if err != nil && more {
			yield(RoomDocument{}, fmt.Errorf("reading the answer: %w", err))
		}
	}
}

var errNoRoom = errors.New("it is not a room")

// readStores reads a room as GET /v1/rooms/{room} returns it, and calls take for each document until that returns false.
func readStores(decoder *json.Decoder, take func(key string, d Document) bool) error {
	if err := expect(decoder, json.Delim('{')); err != nil {
		return err
	}
	found := false
	for decoder.More() {
		member, err := decoder.Token()
		if err != nil {
			return unexpectedEnd(err)
		}
		if member != "stores" {
			if err := decoder.Decode(new(json.RawMessage)); err != nil {
				return unexpectedEnd(err)
			}
			continue
		}
		found = true
		if err := expect(decoder, json.Delim('{')); err != nil {
			return err
		}
		for decoder.More() {
			key, err := decoder.Token()
			if err != nil {
				return unexpectedEnd(err)
			}
			var d Document
			if err := decoder.Decode(&d); err != nil {
				return unexpectedEnd(err)
			}
			if !take(key.(string), d) { // the decoder returns nothing else here
				return nil
			}
		}
		if err := expect(decoder, json.Delim('}')); err != nil {
			return err
		}
	}
	if err := expect(decoder, json.Delim('}')); err != nil {
		return err
	}
	if !found {
		return errNoRoom
	}
	return nil
}

func expect(decoder *json.Decoder, want json.Delim) error {
	switch token, err := decoder.Token(); {
	case err != nil:
		return unexpectedEnd(err)
	case token != want:
		return errNoRoom
	}
	return nil
}

func unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
