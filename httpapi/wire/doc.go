// Package wire is the wire format of the API: JSON of requests, responses and events, event ids, and cursors. It has no
// state and no HTTP.
//
//   - Decode…: request bodies. Their errors are *problem.Problem.
//   - Append…: JSON that is sent often. It is appended without reflection; values that are JSON already are copied.
//   - EventID, Positions: `<epoch>-<serverSeq>`, in one or several rooms.
//   - Cursor: the query parameter that keeps caches from repeating a response.
package wire
