package core

import (
	"errors"
	"fmt"
	"math"

	"github.com/pathsync/pathsync/core/packed"
	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// This file has the messages between servers. Every message begins with the epoch; one of another epoch is dropped.

// Protocol is the version of the messages that this program sends, and OldestProtocol the oldest that it reads.
const (
	Protocol       = 1
	OldestProtocol = 1
)

// The topics of messages.
const (
	topicCommitted = "committed" // batches that the sender has committed
	topicSubmit    = "submit"    // a batch to be committed by the receiver, which responds with the answer
	topicOpen      = "open"      // a room to be opened by the receiver, which responds when it is open
	topicServers   = "servers"   // the sender has joined, drains or leaves
)

// appendBatch appends a batch to a message.
func appendBatch(m *packed.Message, b *Batch) {
	m.Text(b.Room)
	m.Int(b.ServerSeq)
	m.Int(int64(len(b.Ops)))
	if len(b.Ops) == 0 {
		return
	}
	m.Text(b.Key)
	m.Text(b.ClientID)
	m.Text(b.UserID)
	m.Int(b.ClientSeq)
	m.Int(b.ServerTs)
	for i := range b.Ops {
		op := &b.Ops[i]
		m.Text(string(op.Kind))
		m.Text(op.Path)
		m.Text(op.Value)
		m.Int(int64(op.Index))
		m.Text(string(op.Discarded))
	}
}

// readBatch reads a batch. Without operations it only names one.
func readBatch(r *packed.Reader) *Batch {
	b := &Batch{Room: r.Text(), ServerSeq: r.Int()}
	n := r.Count()
	if n == 0 {
		return b
	}
	b.Key, b.ClientID, b.UserID, b.ClientSeq, b.ServerTs = r.Text(), r.Text(), r.Text(), r.Int(), r.Int()
	b.Ops = make([]LoggedOp, n)
	for i := range b.Ops {
		b.Ops[i] = LoggedOp{
			Kind: tree.Kind(r.Text()), Path: r.Text(), Value: r.Text(), Index: readIndex(r), Discarded: tree.Reason(r.Text()),
		}
	}
	return b
}

func readIndex(r *packed.Reader) int { return int(min(max(r.Int(), tree.NoIndex), math.MaxInt32)) }

// committedMessages returns messages of at most limit bytes. A batch that does not fit is only named: receivers read it from
// the log.
func committedMessages(epoch string, batches []*Batch, limit int) (messages []packed.Message) {
	var m packed.Message
	for _, b := range batches {
		before := len(m)
		if before == 0 {
			m.Text(epoch)
		}
		start := len(m)
		appendBatch(&m, b)
		if len(m) <= limit {
			continue
		}
		if before > 0 { // the batch begins the next message
			messages = append(messages, m[:before:before])
			m = nil
			m.Text(epoch)
			start = len(m)
			appendBatch(&m, b)
		}
		if len(m) > limit {
			m = m[:start]
			appendBatch(&m, &Batch{Room: b.Room, ServerSeq: b.ServerSeq})
		}
	}
	return append(messages, m)
}

// submitMessage returns the message that has a proposal committed by another server.
func submitMessage(epoch, room string, p *Proposal) packed.Message {
	var m packed.Message
	m.Text(epoch)
	m.Text(room)
	m.Text(p.Key)
	m.Text(p.ClientID)
	m.Text(p.UserID)
	m.Int(p.ClientSeq)
	m.Bool(p.PreviousClientSeq != nil)
	if p.PreviousClientSeq != nil {
		m.Int(*p.PreviousClientSeq)
	}
	m.Bool(p.FilledIn)
	m.Int(int64(len(p.Ops)))
	for i := range p.Ops {
		op := &p.Ops[i]
		m.Text(string(op.Kind))
		m.Text(op.PathText)
		m.Text(op.ValueText)
		m.Int(int64(op.Index))
		m.Bool(op.To != nil)
		m.Int(int64(len(op.After)))
		for _, anchor := range op.After {
			m.Text(anchor)
		}
	}
	return m
}

// readSubmit reads a submitMessage after its epoch.
func readSubmit(r *packed.Reader) (room string, p *Proposal, err error) {
	room = r.Text()
	p = &Proposal{Key: r.Text(), ClientID: r.Text(), UserID: r.Text(), ClientSeq: r.Int()}
	if r.Bool() {
		previous := r.Int()
		p.PreviousClientSeq = &previous
	}
	p.FilledIn = r.Bool()
	p.Ops = make([]ProposedOp, r.Count())
	for i := range p.Ops {
		if err := readOp(r, &p.Ops[i]); err != nil {
			return "", nil, fmt.Errorf("%w: op %d: %w", packed.ErrGarbage, i, err)
		}
	}
	return room, p, r.Err()
}

func readOp(r *packed.Reader, op *ProposedOp) (err error) {
	op.Kind, op.PathText, op.ValueText, op.Index = tree.Kind(r.Text()), r.Text(), r.Text(), readIndex(r)
	moves := r.Bool()
	if n := r.Count(); n > 0 {
		op.After = make([]string, n)
		for i := range op.After {
			op.After[i] = r.Text()
		}
	}
	if op.Path, err = path.Parse(op.PathText); err != nil || op.ValueText == "" {
		return err
	}
	value, err := tree.ParseStored([]byte(op.ValueText))
	if err != nil || !moves {
		op.Value = value
		return err
	}
	text, ok := value.(tree.String)
	if !ok {
		return packed.ErrGarbage
	}
	to, err := path.Parse(string(text))
	op.To = &to
	return err
}

// answerCodes are the errors that a server sends to the one that has forwarded a batch. For any other error, that server
// commits the batch itself.
var answerCodes = []error{nil, ErrClientSeqReused, ErrClientSeqPassed, ErrForeignClient, ErrRejected}

// answerMessage returns the response to a submitMessage.
func answerMessage(a Answer, err error) packed.Message {
	var m packed.Message
	for code, known := range answerCodes {
		if code > 0 && errors.Is(err, known) {
			m.Int(int64(code))
			return m
		}
	}
	if err != nil {
		m.Int(-1)
		m.Text(err.Error())
		return m
	}
	m.Int(0)
	m.Bool(a.Duplicate)
	m.Bool(a.FilledIn)
	appendBatch(&m, a.Batch)
	return m
}

// errTryHere: the other server has not committed the batch, as far as it knows.
var errTryHere = errors.New("the server that commits this room cannot do so now")

// readAnswer reads an answerMessage. The error is errTryHere or one of answerCodes, unless the message is garbage.
func readAnswer(message []byte) (Answer, error) {
	r := packed.Read(message)
	code := r.Int()
	if code == 0 {
		a := Answer{Duplicate: r.Bool(), FilledIn: r.Bool(), Batch: readBatch(r)}
		return a, r.Err()
	}
	if code > 0 && code < int64(len(answerCodes)) {
		return Answer{}, answerCodes[code]
	}
	return Answer{}, fmt.Errorf("%w: %s", errTryHere, r.Text())
}
