package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is an answer other than success (RFC 9457). An answer of something other than pathsync, such as a proxy, has no
// Code, and its Title is made from the status.
type Problem struct {
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail"`
	Code      string       `json:"code"`      // stable; openapi.yaml lists the codes
	Retryable bool         `json:"retryable"` // the same request may succeed later
	Errors    []FieldError `json:"errors"`

	RetryAfter time.Duration `json:"-"` // from the header, at most MaxRetryAfter; 0: none
}

// MaxRetryAfter is the longest wait that a client accepts from a server. It waits as long if the server asks for more.
const MaxRetryAfter = 10 * time.Minute

// FieldError is one fault of a request.
type FieldError struct {
	Pointer string `json:"pointer"` // JSON pointer into the request
	Detail  string `json:"detail"`
}

// maxProblemBytes limits what is read of the body of a problem.
const maxProblemBytes = 1 << 20

// readProblem makes a Problem of an answer that is not a success.
func readProblem(resp *http.Response) *Problem {
	p := &Problem{}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "application/problem+json" {
		if err := json.NewDecoder(io.LimitReader(resp.Body, maxProblemBytes)).Decode(p); err != nil {
			*p = Problem{}
		}
	}
	p.Status = resp.StatusCode
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		p.RetryAfter = time.Duration(min(seconds, int(MaxRetryAfter/time.Second))) * time.Second
	}
	if p.Title == "" {
		p.Title = "the server answers " + resp.Status
		if to, err := resp.Location(); err == nil {
			p.Title += ", which leads to " + to.Redacted()
		}
	}
	if p.Code == "" {
		switch resp.StatusCode {
		case http.StatusRequestTimeout, http.StatusTooManyRequests,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			p.Retryable = true
		}
	}
	return p
}

func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Title)
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	if p.Code != "" {
		fmt.Fprintf(&b, " (%s)", p.Code)
	}
	for _, e := range p.Errors {
		fmt.Fprintf(&b, "\n  %s: %s", e.Pointer, e.Detail)
	}
	return b.String()
}

const (
	minBackoff = 250 * time.Millisecond
	maxBackoff = 15 * time.Second
)

// backoff returns the wait before the next attempt after a number of failures, at least 1. It doubles with each failure, and
// half of it is random, so that clients that lost the same server do not return at the same time.
func backoff(failures int) time.Duration {
	d := maxBackoff
	if failures < 8 {
		d = min(minBackoff<<(failures-1), maxBackoff)
	}
	return d/2 + rand.N(d/2)
}

// retryable reports whether the same request may succeed later, and the least wait that the server asks for. An error that
// is no Problem is one of the network, and retryable.
func retryable(err error) (after time.Duration, ok bool) {
	var p *Problem
	if !errors.As(err, &p) {
		return 0, true
	}
	return p.RetryAfter, p.Retryable
}

// isForeign reports whether something other than pathsync has answered, such as a proxy.
func isForeign(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Code == ""
}

// attempts is how often a request is sent before its error is returned.
const attempts = 7

// retry calls try until it succeeds, up to attempts times, with the waits that Submit describes. It returns an error that is not
// retryable at once.
func (c *Client) retry(ctx context.Context, try func() error) error {
	for failures := 1; ; failures++ {
		err := try()
		if err == nil {
			return nil
		}
		after, ok := retryable(err)
		if !ok || ctx.Err() != nil || failures == attempts {
			return err
		}
		after = max(after, backoff(failures))
		c.cfg.OnRetry(err, after)
		if err := c.cfg.Wait(ctx, after); err != nil {
			return err
		}
	}
}
