package problem

import "slices"

// Code is the stable name of an error. Programs branch on it; title and detail are for people.
type Code string

// The codes. Each has a row in the table below and a description in openapi.yaml.
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
	InvalidJSON:          {400, "Invalid JSON body", 0},
	InvalidEventID:       {400, "Invalid event id", 0},
	InvalidParameter:     {400, "Invalid query parameter", 0},
	Unauthenticated:      {401, "Authentication required", 0},
	TokenExpired:         {401, "The token of this stream has expired; reconnect with a new one", 1},
	Forbidden:            {403, "Permission denied", 0},
	CrossOrigin:          {403, "Cross-origin request refused", 0},
	RouteNotFound:        {404, "Not found", 0},
	StoreNotFound:        {404, "This store key has no document", 0},
	StreamNotFound:       {404, "This client has no open stream", 0},
	NotYet:               {404, "The room has not reached this position yet", 1},
	MethodNotAllowed:     {405, "Method not allowed", 0},
	RequestTimeout:       {408, "The body arrived too slowly", 1},
	ClientSeqReused:      {409, "This clientSeq was used for another batch", 0},
	ClientSeqPassed:      {409, "A later batch of this client is already committed", 0},
	StreamReplaced:       {409, "This client has opened a newer stream", 0},
	PositionGone:         {410, "The log cannot be read from this position; start again from the full state", 0},
	BodyTooLarge:         {413, "Body too large", 0},
	UnsupportedMediaType: {415, "The body must be plain application/json", 0},
	InvalidRequest:       {422, "Invalid request", 0},
	InvalidName:          {422, "Invalid name", 0},
	Rejected:             {422, "The database rejects this batch", 0},
	RateLimited:          {429, "Limit exceeded", 1},
	Internal:             {500, "Internal server error", 0},
	DatabaseUnavailable:  {503, "The database is unavailable", 2},
	RoomUnavailable:      {503, "This room is unavailable until an operator repairs it", 60},
	HistoryChanged:       {503, "The history of the database has changed; start again from the full state", 1},
	Overloaded:           {503, "Server overloaded", 2},
	AuthUnavailable:      {503, "Tokens cannot be verified at the moment", 2},
	NoInitialState:       {503, "The initial state of this room is unavailable", 2},
	ShuttingDown:         {503, "The server is shutting down", 2},
}

// Codes returns every code, sorted.
func Codes() []Code {
	codes := make([]Code, 0, len(kinds))
	for c := range kinds {
		codes = append(codes, c)
	}
	slices.Sort(codes)
	return codes
}
