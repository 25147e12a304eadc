package core

import (
	"context"
	"errors"
)

// Bus carries messages between the servers of one database. It is a shortcut: the log is the truth. Messages may be lost,
// repeated, delayed and reordered. All methods are safe for concurrent use, and none waits for another server except
// Request.
type Bus interface {
	// Server returns the name of this server. It is new at each start.
	Server() string

	// Handle sets the function that receives the messages of a topic from other servers, before Start. Calls for one sender
	// are sequential and in the order of arrival; the function must not block. data belongs to the function. What it returns
	// is the response to a Request, and is ignored for a Publish.
	Handle(topic string, receive func(from string, data []byte, respond func([]byte)))

	// Publish sends a message to all other servers. It drops the message when the bus is not connected or its buffer is full.
	// data must not be changed afterwards.
	Publish(topic string, data []byte)

	// Request sends a message to one server and returns its response. The error is ErrNoAnswer when the server is not
	// reachable, or the error of ctx.
	Request(ctx context.Context, server, topic string, data []byte) ([]byte, error)

	// Healthy reports whether messages currently reach the other servers, as far as the bus knows. While it is false, the log
	// tail is read more often.
	Healthy() bool

	// MaxMessage returns the largest size of a message in bytes.
	MaxMessage() int
}

// ErrNoAnswer means that no response can come, because the bus does not reach the server.
var ErrNoAnswer = errors.New("the server cannot be reached")
