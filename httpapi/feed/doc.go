// Package feed is how readers follow rooms. Each open room has one feed: events that are framed once, in bounded memory.
// A stream is a position in it.
//
//   - Set holds the feeds of a server, and its streams.
//   - Room is the feed of one room, and the core.Listener that fills it.
//   - Room.CatchUp returns what a new stream sends first: from the feed, the log, or the full state.
//   - Room.Range returns past batches for a response, from the feed or the log.
//   - logPages reads the log once for all readers that need it.
//   - Expiry ends a stream with the identity that opened it.
package feed
