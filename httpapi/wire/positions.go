package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Positions are the positions of a reader in one or several rooms, in the order of its request. Their text is the event id
// of a stream: `<epoch>-<serverSeq>.<serverSeq>…`, with `_` for Nowhere. For one room it is the event id of that room.
//
// One id covers all rooms, because a reader keeps only the last id. It is complete, so every server can read it: no server
// remembers what a stream has sent.
type Positions struct {
	Epoch string
	Seqs  []int64 // or Nowhere
}

// Nowhere is the position of a reader that has no state of a room and needs the full state.
const Nowhere = -1

const nowhereText = "_"

// maxPositions is the maximum length of the text in bytes.
func maxPositions(rooms int) int { return maxEventID + 20*(rooms-1) }

// ParsePositions reads the positions in a number of rooms. It does not check that the positions exist.
func ParsePositions(text string, rooms int) (Positions, error) {
	epoch, list, ok := strings.Cut(text, "-")
	if !ok || len(text) > maxPositions(rooms) || !isEpoch(epoch) {
		return Positions{}, errEventID
	}
	parts := strings.Split(list, ".")
	if len(parts) != rooms {
		return Positions{}, fmt.Errorf("the event id has %d positions, and the request has %d rooms", len(parts), rooms)
	}
	p := Positions{epoch, make([]int64, rooms)}
	for i, part := range parts {
		if part == nowhereText {
			p.Seqs[i] = Nowhere
		} else if p.Seqs[i], ok = ParseNumber(part); !ok {
			return Positions{}, errEventID
		}
	}
	return p, nil
}

// NewPositions returns positions that are all Nowhere.
func NewPositions(epoch string, rooms int) Positions {
	p := Positions{epoch, make([]int64, rooms)}
	for i := range p.Seqs {
		p.Seqs[i] = Nowhere
	}
	return p
}

// Append appends the text of the positions.
func (p Positions) Append(dst []byte) []byte {
	dst = append(dst, p.Epoch...)
	for i, seq := range p.Seqs {
		dst = append(dst, "-."[min(i, 1)])
		if seq == Nowhere {
			dst = append(dst, nowhereText...)
		} else {
			dst = strconv.AppendInt(dst, seq, 10)
		}
	}
	return dst
}

// Advance sets the position in one room to an event of it, and appends all positions. It is an sse.Naming. eventID must be
// an event id of the server.
func (p Positions) Advance(dst []byte, room int, eventID []byte) []byte {
	digits := eventID[bytes.LastIndexByte(eventID, '-')+1:]
	seq, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		panic(err) // an event id of the server ends with a number
	}
	p.Seqs[room] = seq
	return p.Append(dst)
}
