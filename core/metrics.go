package core

import "time"

// Metrics receives measurements of a hub. Its methods are called from several goroutines, under no lock but in the commit
// path: they must not block. They must not change their arguments.
type Metrics interface {
	// Committed receives the batches of one committed transaction, and the time since its first attempt.
	Committed(batches []*Batch, took time.Duration)
	// Repeated counts a repeated batch that got its first answer.
	Repeated()
	// Checkpointed receives the number of document rows in one transaction, and its duration.
	Checkpointed(rows int, took time.Duration)
	// Retried counts a failed write that is retried.
	Retried()
	// Rejected counts a batch that the database rejects. Its sender gets an error.
	Rejected()
	// Contradicted counts a conflict that the log does not explain. An operator has to look at the database.
	Contradicted()
	// CaughtUp counts batches of other servers. They were received from those, or read from the log.
	CaughtUp(batches int, fromLog bool)
}

type noMetrics struct{}

func (noMetrics) Committed([]*Batch, time.Duration) {}
func (noMetrics) Repeated()                         {}
func (noMetrics) Checkpointed(int, time.Duration)   {}
func (noMetrics) Retried()                          {}
func (noMetrics) Rejected()                         {}
func (noMetrics) Contradicted()                     {}
func (noMetrics) CaughtUp(int, bool)                {}
