package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// link is a server behind a slow link: it takes the body of a request and sends its answer at a rate.
type link struct {
	perSecond int
	answer    string
	stalls    bool // after the first byte of the answer
}

func (l link) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, &slowReader{r.Context(), r.Body, l.perSecond}); err != nil {
			return nil, err
		}
	}
	var answer io.Reader = &slowReader{r.Context(), strings.NewReader(l.answer), l.perSecond}
	if l.stalls {
		answer = io.MultiReader(io.LimitReader(answer, 1), &slowReader{r.Context(), strings.NewReader("x"), 0})
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(answer), Request: r,
	}, nil
}

type slowReader struct {
	ctx       context.Context
	from      io.Reader
	perSecond int
}

func (s *slowReader) Read(p []byte) (int, error) {
	n, err := s.from.Read(p[:min(len(p), max(1, s.perSecond))])
	pause := 24 * time.Hour
	if s.perSecond > 0 {
		pause = time.Second * time.Duration(n) / time.Duration(s.perSecond)
	}
	select {
	case <-time.After(pause):
		return n, err
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

func TestALargeTransferOverASlowLinkIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		client := &http.Client{Transport: link{perSecond: 20_000, answer: strings.Repeat("x", 4<<20)}}
		answer, err := exchange(t.Context(), client, http.MethodPost, "http://server/v1", []byte(strings.Repeat("x", 1<<20)))
		if took := time.Since(began); err != nil || len(answer) != 4<<20 || took < 4*time.Minute {
			t.Errorf("after %v: %d bytes, %v", took, len(answer), err)
		}
		e := &examiner{base: "http://server/v1/probe", client: &http.Client{Transport: link{perSecond: 20_000, answer: `{"Bytes":1048576}`}}}
		if reply := e.post(t.Context(), "doctor", []byte(strings.Repeat("x", 1<<20))); reply.Err != "" || reply.Arrived.Bytes != 1<<20 {
			t.Errorf("%+v", reply)
		}
	})
}

func TestAnAnswerThatStallsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		client := &http.Client{Transport: link{perSecond: 20_000, answer: "xx", stalls: true}}
		if _, err := exchange(t.Context(), client, http.MethodGet, "http://server/v1", nil); !errors.Is(err, errSilent) {
			t.Errorf("%v", err)
		}
		e := &examiner{base: "http://server/v1/probe", client: client}
		if reply := e.post(t.Context(), "doctor", []byte("{}")); reply.Err != "no answer came in time" {
			t.Errorf("%+v", reply)
		}
		if took := time.Since(began); took > 2*answerTimeout+time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
