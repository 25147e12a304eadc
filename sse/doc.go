// Package sse serves Server-Sent Events to many readers at the cost of one.
//
// It knows three things. A frame is the wire text of one event or comment (AppendEvent, AppendComment, AppendRetry).
// A Feed is a bounded run of frames, in order; whoever has something to say appends to it. A Stream is one connection
// and its Position in a feed: it sends what it has not sent yet, and sleeps when there is nothing.
//
//	            Append, Wake                    one write of everything pending
//	publisher ──────────────► Feed ◄─ position ─ Stream ──────────────────────► reader
//	                           │   ◄─ position ─ Stream ──────────────────────► reader
//	                           └─ Run, Wait ──────────────────────────────────► long-poller
//
// An event is framed once and copied once, into the feed. Streams hand slices of the feed's memory to their sockets,
// without a copy, a lock or an allocation, so the price of a delivery is the price of the write. A reader that is
// slow gets several events with one write. One that falls out of the feed's bound is let go with ErrLagged, one that
// takes no bytes with ErrStalled; neither costs the publisher or another reader anything.
//
// A connection is taken over from net/http where that is possible (HTTP/1.x): the handler returns, its buffers are
// garbage, and an idle stream is two small goroutines. Where it is not (HTTP/2), the same stream runs inside the
// handler.
//
// The package knows no room, no JSON and no client: what an event means, whether a reader may have it, and where it
// resumes is the caller's business. Seq, a number that only grows, is all that it knows of an event's identity.
package sse
