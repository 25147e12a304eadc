// Package problem defines the error responses of the API: RFC 9457 problem documents, each with a stable code.
//
// A *Problem is an error, so handlers return it. From maps every other error to a problem. New makes one:
//
//	return problem.New(problem.Forbidden, "read permission is not granted in this room")
package problem

import (
	"cmp"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Problem is the body of a response that is not a success. It is immutable once it is shared.
type Problem struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail,omitempty"`
	Code      Code         `json:"code"`
	Retryable bool         `json:"retryable"` // the same request may succeed later
	Errors    []FieldError `json:"errors,omitempty"`
	Rooms     []string     `json:"rooms,omitempty"` // the rooms concerned, if the request is for several

	Challenge    string `json:"-"` // header WWW-Authenticate, which every 401 response has
	RetryAfter   int    `json:"-"` // seconds; 0: the default of the code
	CacheControl string `json:"-"` // default: no-store
}

// FieldError is one fault in a request body.
type FieldError struct {
	Pointer string `json:"pointer"` // RFC 6901
	Detail  string `json:"detail"`
}

// New makes a problem. The client sees detail, so detail must not contain anything of the database.
func New(code Code, detail string, errs ...FieldError) *Problem {
	k := kinds[code]
	return &Problem{
		Type: "urn:pathsync:problem:" + string(code), Title: k.title, Status: k.status, Detail: detail,
		Code: code, Retryable: k.retryAfter > 0, Errors: errs,
	}
}

// Challenge makes the problem of a request that is not authenticated. invalidToken: the request has a token, which is not
// accepted (RFC 6750, section 3.1).
func Challenge(detail string, invalidToken bool) *Problem {
	p := New(Unauthenticated, detail)
	p.Challenge = `Bearer realm="pathsync"`
	if invalidToken {
		p.Challenge += `, error="invalid_token"`
	}
	return p
}

// Limited makes a 429 for an exhausted limit. The request may succeed after wait.
func Limited(detail string, wait time.Duration) *Problem {
	p := New(RateLimited, detail)
	p.RetryAfter = max(1, int(math.Ceil(wait.Seconds())))
	return p
}

// Error implements error.
func (p *Problem) Error() string { return string(p.Code) + ": " + cmp.Or(p.Detail, p.Title) }

// JSON returns the body of the response, which is also the data of a `problem` event.
func (p *Problem) JSON() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings, numbers and a bool
	}
	return b
}

// Write writes the response.
func (p *Problem) Write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", cmp.Or(p.CacheControl, "no-store"))
	if after := cmp.Or(p.RetryAfter, kinds[p.Code].retryAfter); after > 0 {
		h.Set("Retry-After", strconv.Itoa(after))
	}
	if p.Challenge != "" {
		h.Set("WWW-Authenticate", p.Challenge)
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(p.JSON()) // an error means that the client has disconnected
}
