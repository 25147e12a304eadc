package testkit

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// SlowLink is an http.RoundTripper to a server behind a slow link, which limits the rate of both bodies.
type SlowLink struct {
	PerSecond int    // bytes
	Answer    string // body of every answer
	Stalls    bool   // after the first byte of the answer
}

// RoundTrip implements http.RoundTripper.
func (l SlowLink) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, &slowReader{r.Context(), r.Body, l.PerSecond}); err != nil {
			return nil, err
		}
	}
	var answer io.Reader = &slowReader{r.Context(), strings.NewReader(l.Answer), l.PerSecond}
	if l.Stalls {
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
