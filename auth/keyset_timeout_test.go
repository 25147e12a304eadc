package auth

import (
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// tricklingKeys responds with a key set that arrives in small pieces and breaks off after 40 s.
type tricklingKeys struct{}

func (tricklingKeys) RoundTrip(r *http.Request) (*http.Response, error) {
	body := &tricklingBody{end: time.Now().Add(40 * time.Second)}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
}

type tricklingBody struct{ end time.Time }

func (b *tricklingBody) Read(p []byte) (int, error) {
	if !time.Now().Before(b.end) {
		return 0, errors.New("the connection broke")
	}
	time.Sleep(min(time.Second, time.Until(b.end)))
	return copy(p, "                                                                "), nil
}

func (*tricklingBody) Close() error { return nil }

func TestCallerThatTimesOutAsTheFetchEndsDoesNotBlockLaterFetches(t *testing.T) {
	for range 20 { // the timeout and the end of the fetch are simultaneous; either may come first
		synctest.Test(t, func(t *testing.T) {
			s, err := newKeySet(Config{
				KeysURL: "https://id.test/", Client: &http.Client{Transport: tricklingKeys{}}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			find := func() { _, _ = s.find(t.Context(), "a", "RS256") }
			go find()
			synctest.Wait()
			time.Sleep(40*time.Second - keysTimeout)
			find()
			time.Sleep(time.Hour)
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.fetching != nil {
				t.Error("a fetch counts as running an hour later")
			}
		})
	}
}
