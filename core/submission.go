package core

import "container/list"

// submission is a proposal that waits for its commit. The committer's lock guards queue, state and element. attempts,
// strikes and contradicted belong to the track that has the submission in flight.
type submission struct {
	*Proposal
	room     *Room
	queue    *roomQueue
	previous int64 // clientSeq of the predecessor; NoClientSeq: none
	state    submissionState
	element  *list.Element // in queue.waiting, while the state is submissionWaiting
	attempts int           // failed transactions that had this batch alone
	strikes  int           // failed attempts during which the database committed other transactions
	// contradicted: an attempt met a conflict that the log did not show.
	contradicted bool
	outcome      outcome // set before done is closed
	done         chan struct{}
}

type submissionState uint8

const (
	submissionNew      submissionState = iota
	submissionHeld                     // waits for its predecessor
	submissionWaiting                  // waits for a transaction
	submissionInFlight                 // is in a transaction, or about to be repeated in one
	submissionAnswered
)

type outcome struct {
	answer Answer
	err    error
}

func newSubmission(r *Room, p *Proposal) *submission {
	s := &submission{Proposal: p, room: r, previous: NoClientSeq, done: make(chan struct{})}
	if p.ClientSeq != NoClientSeq && p.PreviousClientSeq != nil {
		s.previous = *p.PreviousClientSeq
	}
	return s
}

// countAttempt counts a failed transaction that had this batch alone. othersCommitted says whether the database committed
// another transaction meanwhile.
func (s *submission) countAttempt(othersCommitted bool) {
	s.attempts++
	if othersCommitted {
		s.strikes++
	}
}
