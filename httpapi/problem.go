package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
)

// Code is the stable name of what went wrong. Programs decide by it; people read the title and the detail.
type Code string

// The codes. Each has its row in the table below and its place in openapi.yaml.
const (
	InvalidJSON          Code = "invalid_json"
	InvalidEventID       Code = "invalid_event_id"
	InvalidParameter     Code = "invalid_parameter"
	Unauthenticated      Code = "unauthenticated"
	TokenExpired         Code = "token_expired"
	Forbidden            Code = "forbidden"
	CrossOrigin          Code = "cross_origin"
	RouteNotFound        Code = "not_found"
	StoreNotFound        Code = "store_not_found"
	StreamNotFound       Code = "stream_not_found"
	NotYet               Code = "not_yet"
	MethodNotAllowed     Code = "method_not_allowed"
	RequestTimeout       Code = "request_timeout"
	ClientSeqReused      Code = "client_seq_reused"
	ClientSeqPassed      Code = "client_seq_passed"
	StreamReplaced       Code = "stream_replaced"
	PositionGone         Code = "position_gone"
	BodyTooLarge         Code = "body_too_large"
	UnsupportedMediaType Code = "unsupported_media_type"
	InvalidRequest       Code = "invalid_request"
	InvalidName          Code = "invalid_name"
	Rejected             Code = "rejected"
	RateLimited          Code = "rate_limited"
	Internal             Code = "internal"
	DatabaseUnavailable  Code = "database_unavailable"
	RoomUnavailable      Code = "room_unavailable"
	HistoryChanged       Code = "history_changed"
	Overloaded           Code = "overloaded"
	AuthUnavailable      Code = "auth_unavailable"
	NoInitialState       Code = "initial_state_unavailable"
	ShuttingDown         Code = "shutting_down"
)

// kind is what all problems of one code have in common.
type kind struct {
	status     int
	title      string
	retryAfter int // seconds after which the same request may succeed; 0: it will not
}

var kinds = map[Code]kind{
	InvalidJSON:          {400, "The body is not acceptable JSON", 0},
	InvalidEventID:       {400, "This is not an event id", 0},
	InvalidParameter:     {400, "A query parameter is not acceptable", 0},
	Unauthenticated:      {401, "Show who you are", 0},
	TokenExpired:         {401, "The token of this stream has expired; come back with a new one", 1},
	Forbidden:            {403, "You may not do this", 0},
	CrossOrigin:          {403, "A page of another origin may not do this", 0},
	RouteNotFound:        {404, "There is no such address", 0},
	StoreNotFound:        {404, "This store key has no document", 0},
	StreamNotFound:       {404, "This client has no open stream", 0},
	NotYet:               {404, "The room has not come that far yet", 1},
	MethodNotAllowed:     {405, "This address does not take this method", 0},
	RequestTimeout:       {408, "The body came too slowly", 1},
	ClientSeqReused:      {409, "This clientSeq was used for another batch", 0},
	ClientSeqPassed:      {409, "A later batch of this client is committed already", 0},
	StreamReplaced:       {409, "This client has opened a newer stream", 0},
	PositionGone:         {410, "The log cannot be read from there; start again with the whole state", 0},
	BodyTooLarge:         {413, "The body is too large", 0},
	UnsupportedMediaType: {415, "The body must be plain application/json", 0},
	InvalidRequest:       {422, "The request is not acceptable", 0},
	InvalidName:          {422, "A name is not acceptable", 0},
	Rejected:             {422, "The database refuses this batch", 0},
	RateLimited:          {429, "That is more than one party may have", 1},
	Internal:             {500, "The server has failed", 0},
	DatabaseUnavailable:  {503, "The database is not available", 2},
	RoomUnavailable:      {503, "This room cannot be served until an operator has looked at it", 60},
	HistoryChanged:       {503, "The database now holds another history; readers start again", 1},
	Overloaded:           {503, "The server has too much to do", 2},
	AuthUnavailable:      {503, "Tokens cannot be verified now", 2},
	NoInitialState:       {503, "What this room begins with cannot be found out now", 2},
	ShuttingDown:         {503, "The server is shutting down", 2},
}

// ProblemCodes returns every code, sorted.
func ProblemCodes() []Code {
	codes := make([]Code, 0, len(kinds))
	for c := range kinds {
		codes = append(codes, c)
	}
	slices.Sort(codes)
	return codes
}

// Problem is the body of every answer that is not a success: RFC 9457, with a stable code.
type Problem struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail,omitempty"`
	Code      Code         `json:"code"`
	Retryable bool         `json:"retryable"` // the same request may succeed later
	Errors    []FieldError `json:"errors,omitempty"`
	Rooms     []string     `json:"rooms,omitempty"` // those of several that it concerns

	challenge  string // the header WWW-Authenticate, which every 401 has
	retryAfter int    // seconds; 0: as all of this code

	cacheControl string // default: no cache may keep it
}

// FieldError is one thing that is wrong in a request body.
type FieldError struct {
	Pointer string `json:"pointer"` // RFC 6901
	Detail  string `json:"detail"`
}

// problem makes a Problem. detail is shown to whoever sent the request: it never has anything of the database in it.
func problem(code Code, detail string, errs ...FieldError) *Problem {
	k := kinds[code]
	return &Problem{
		Type: "urn:pathsync:problem:" + string(code), Title: k.title, Status: k.status, Detail: detail,
		Code: code, Retryable: k.retryAfter > 0, Errors: errs,
	}
}

// roomsError is an error in some of the rooms of a request for several. The others alone may have fared better.
type roomsError struct {
	error
	rooms []string
}

func (e *roomsError) Unwrap() error { return e.error }

// Error makes a Problem an error, so that handlers simply return it.
func (p *Problem) Error() string { return string(p.Code) + ": " + cmp.Or(p.Detail, p.Title) }

func (p *Problem) json() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings, a number and a bool
	}
	return b
}

// write answers a request with the problem.
func (p *Problem) write(w http.ResponseWriter) {
	exchangeOf(w).code = p.Code
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", cmp.Or(p.cacheControl, noStore))
	if after := cmp.Or(p.retryAfter, kinds[p.Code].retryAfter); after > 0 {
		h.Set("Retry-After", strconv.Itoa(after))
	}
	if p.challenge != "" {
		h.Set("WWW-Authenticate", p.challenge)
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(p.json()) // the client may be gone
}

// problemOf finds the problem that stands for an error of the core.
func problemOf(err error) *Problem {
	var p *Problem
	var of *roomsError
	switch {
	case errors.As(err, &of):
		concerning := *problemOf(of.error)
		concerning.Rooms = of.rooms
		return &concerning
	case errors.As(err, &p):
		return p
	case errors.Is(err, core.ErrClientSeqReused):
		return problem(ClientSeqReused, "")
	case errors.Is(err, core.ErrClientSeqPassed):
		return problem(ClientSeqPassed, "nothing of this batch was applied; its content may be sent under a new number")
	case errors.Is(err, core.ErrForeignClient):
		return problem(Forbidden, err.Error())
	case errors.Is(err, access.ErrUnavailable):
		return problem(AuthUnavailable, "")
	case errors.Is(err, core.ErrNoInitialState):
		return problem(NoInitialState, "")
	case errors.Is(err, core.ErrCorrupt):
		return problem(RoomUnavailable, "what the database holds of it is damaged")
	case errors.Is(err, core.ErrHistoryChanged):
		return problem(HistoryChanged, "")
	case errors.Is(err, core.ErrClosing):
		return problem(ShuttingDown, "")
	case errors.Is(err, core.ErrTooManyRooms):
		return tooMuch("too many rooms are open on one account", roomRetry)
	case errors.Is(err, core.ErrOverloaded):
		return problem(Overloaded, "")
	case errors.Is(err, core.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return problem(DatabaseUnavailable, "")
	case errors.Is(err, core.ErrRejected):
		return problem(Rejected, "a constraint or a trigger of its tables does not take it, or it takes too long")
	default:
		return problem(Internal, "")
	}
}
