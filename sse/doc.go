// Package sse serves Server-Sent Events to many readers with one framing and one copy for each event.
//
//   - A frame is the text of one event or comment on the wire: AppendEvent, AppendComment, AppendRetry.
//   - A [Feed] is a bounded sequence of frames. Publishers append to it.
//   - A [Stream] is one connection and its [Position] in a feed. It sends what it has not sent yet, and waits when nothing
//     is pending.
//   - A [Group] is the streams of one server. It opens them, and waits for them at shutdown.
//
// Data flow:
//
//	            Append, Wake                    one write of everything pending
//	publisher ──────────────► Feed ◄─ position ─ Stream ──────────────────────► reader
//	                           │   ◄─ position ─ Stream ──────────────────────► reader
//	                           └─ Run, Wait ──────────────────────────────────► long poll
//
// An event is framed once and copied once, into the feed. Streams write slices of the feed's memory to their connections,
// without a copy, a lock or an allocation, so a delivery costs one write. A slow reader gets several events in one write. A
// stream ends with ErrLagged if the feed has dropped what it has yet to send, and with ErrStalled if its reader reads
// nothing. Neither delays the publisher or another reader.
//
// On HTTP/1.x a stream hijacks its connection: the handler returns, and net/http's buffers are freed. An idle stream has no
// goroutine that sends. On Linux one poller watches all connections without TLS; otherwise each stream has a goroutine that
// notices when its reader leaves. On HTTP/2 the stream runs inside the handler.
//
// The package knows neither rooms nor JSON. The caller decides what an event means, who may read it, and where a reader
// resumes. An event has a sequence number (seq), which increases within a feed.
package sse
