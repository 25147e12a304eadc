package core

import (
	"log/slog"
	"time"
)

// Config configures a Hub. A zero value means the default.
type Config struct {
	Store Store // required
	// Listen returns the listener of a room that is being opened at a serverSeq of an epoch. Required.
	Listen  func(room, epoch string, seq int64) Listener
	Log     *slog.Logger // default: no log
	Metrics Metrics      // default: no metrics
	// InitialState loads the initial documents of new rooms. Default: new rooms are empty.
	InitialState InitialStateLoader
	// Bus connects the hub to the other servers of the database. Default: they are noticed by the log tail only.
	Bus Bus
	// WallClock gives batches their time, and bounds the age of batches for Retention. Default: time.Now.
	WallClock func() time.Time
	// Node returns the address, the version and the number of streams of this server, about once a second, if there is a Bus.
	Node func() Node
	// Servers receives the descriptions of all servers about once a second, if there is a Bus. It must not block.
	Servers func([]Node)

	CommitWindow        time.Duration // wait this long for more batches before each transaction; default: do not wait
	ServerBatch         time.Duration // delay of document rows behind the log; default: 1.5 s
	PresenceTimeout     time.Duration // lease of a client without a stream; default: 15 s
	PresenceWindow      time.Duration // presence changes are collected this long, in large rooms longer; default: 50 ms
	RoomIdle            time.Duration // an unused room is closed after this time; default: 60 s
	StoreTimeout        time.Duration // timeout of one store call, for reads of rooms without Progress; default: 10 s
	SubmitTimeout       time.Duration // timeout of a batch's commit; default: 10 s
	PredecessorTimeout  time.Duration // a batch waits this long for its predecessor; default: 2 s
	InitialStateTimeout time.Duration // timeout of the initial state, without Progress; default: 5 s
	MaxRooms            int           // open rooms; default: 100,000
	MemoryBudget        int64         // estimated bytes of memory beyond which no room is opened; default: no limit
	MaxQueuedBytes      int           // memory of batches that wait for a commit; default: 256 MiB
	MaxDocumentBytes    int           // encoded size of one document; default: 8 MiB
	MaxDocuments        int           // documents in one room; default: 10,000
	MaxPresence         int           // clients present in one room; default: 10,000
	Retention           Retention     // what the pruner keeps of the log; default: all
	PruneInterval       time.Duration // time between two rounds of the pruner; default: 1 min
	WatchInterval       time.Duration // time between two checks of the database; default: 0.5 s
	TailInterval        time.Duration // time between two reads of the log tail without a healthy bus; default: 100 ms
}

// WithDefaults returns c with the defaults in place of zero values.
func (c Config) WithDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = noMetrics{}
	}
	if c.WallClock == nil {
		c.WallClock = time.Now
	}
	setDefault(&c.ServerBatch, 1500*time.Millisecond)
	setDefault(&c.PresenceTimeout, 15*time.Second)
	setDefault(&c.PresenceWindow, 50*time.Millisecond)
	setDefault(&c.RoomIdle, time.Minute)
	setDefault(&c.StoreTimeout, 10*time.Second)
	setDefault(&c.SubmitTimeout, 10*time.Second)
	setDefault(&c.PredecessorTimeout, 2*time.Second)
	setDefault(&c.InitialStateTimeout, 5*time.Second)
	setDefault(&c.MaxRooms, 100_000)
	setDefault(&c.MaxQueuedBytes, 256<<20)
	setDefault(&c.MaxDocumentBytes, 8<<20)
	setDefault(&c.MaxDocuments, 10_000)
	setDefault(&c.MaxPresence, 10_000)
	setDefault(&c.PruneInterval, time.Minute)
	setDefault(&c.WatchInterval, 500*time.Millisecond)
	setDefault(&c.TailInterval, 100*time.Millisecond)
	return c
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
