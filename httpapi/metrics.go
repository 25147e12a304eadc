package httpapi

import (
	"net"
	"net/http"
	"time"

	"github.com/pathsync/pathsync/httpapi/problem"
)

// Metrics receives measurements of a Server. Its methods are called concurrently and must not block.
type Metrics interface {
	// Answered: a request was answered and did not become a stream. route is as in Server.Routes, "" for none.
	Answered(route string, status int, took time.Duration)
	// Refused: a request was answered with a problem.
	Refused(code problem.Code)
	// StreamStarted and StreamEnded: a stream was opened; it ended with an error of package sse.
	StreamStarted()
	StreamEnded(cause error)
}

type noMetrics struct{}

func (noMetrics) Answered(string, int, time.Duration) {}
func (noMetrics) Refused(problem.Code)                {}
func (noMetrics) StreamStarted()                      {}
func (noMetrics) StreamEnded(error)                   {}

// Estimated memory of a connection that is not hijacked, with its buffers and its goroutine, and of a request.
const (
	connectionMemory = 20 << 10
	requestMemory    = 16 << 10
)

// ConnState counts connections. It is the function http.Server.ConnState.
func (s *Server) ConnState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.connections.Add(1)
	case http.StateHijacked, http.StateClosed:
		s.connections.Add(-1)
	case http.StateActive, http.StateIdle: // counted already
	}
}

// memory estimates the memory outside of rooms, in bytes: connections, requests, and what is cached for them. retained is
// the memory of old versions that slow readers may still hold. garbage is memory of ended requests that is not collected yet.
func (s *Server) memory() (used, retained, garbage int64) {
	feeds, retained := s.feeds.Memory()
	intake, garbage := s.intake.Memory()
	used = feeds + intake + int64(s.tickets.Memory())
	used += s.connections.Load()*connectionMemory + s.requests.Load()*requestMemory
	return used, retained, garbage
}
