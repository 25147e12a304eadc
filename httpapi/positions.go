package httpapi

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// positions is how far a reader is in the histories of one or several rooms, in the order in which it asks for them. As
// the event id of a stream that is `<epoch>-<serverSeq>.<serverSeq>…`, and `_` stands for a room of which the reader has
// nothing. Of one room it is that room's event id.
//
// One id has to cover all rooms, since a reader keeps only the last that it was sent. It is written out and means the
// same to every server: none remembers what a stream has sent.
type positions struct {
	epoch string
	seqs  []int64 // nowhere: nothing
}

// nowhere is the position of a reader who has nothing of a room, and is to be sent its whole state.
const nowhere = -1

const nowhereText = "_"

// maxPositions bounds the text of positions, in bytes.
func maxPositions(rooms int) int { return maxEventID + 20*(rooms-1) }

// parsePositions reads how far a reader is in so many rooms. It says nothing about whether the positions exist.
func parsePositions(text string, rooms int) (positions, error) {
	epoch, list, ok := strings.Cut(text, "-")
	if !ok || len(text) > maxPositions(rooms) || !isEpoch(epoch) {
		return positions{}, errEventID
	}
	parts := strings.Split(list, ".")
	if len(parts) != rooms {
		return positions{}, fmt.Errorf("the event id has %d positions, and %d rooms are asked for", len(parts), rooms)
	}
	p := positions{epoch, make([]int64, rooms)}
	for i, part := range parts {
		if part == nowhereText {
			p.seqs[i] = nowhere
		} else if p.seqs[i], ok = parseSeq(part); !ok {
			return positions{}, errEventID
		}
	}
	return p, nil
}

// startAnew are the positions of a reader who has nothing.
func startAnew(epoch string, rooms int) positions {
	p := positions{epoch, make([]int64, rooms)}
	for i := range p.seqs {
		p.seqs[i] = nowhere
	}
	return p
}

func (p positions) append(dst []byte) []byte {
	dst = append(dst, p.epoch...)
	for i, seq := range p.seqs {
		dst = append(dst, "-."[min(i, 1)])
		if seq == nowhere {
			dst = append(dst, nowhereText...)
		} else {
			dst = strconv.AppendInt(dst, seq, 10)
		}
	}
	return dst
}

// reach moves one of the positions to an event of its room, and appends them all. It is an sse.Naming.
func (p positions) reach(dst []byte, room int, eventID []byte) []byte {
	digits := eventID[bytes.LastIndexByte(eventID, '-')+1:]
	seq, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		panic(err) // event ids in feeds are our own
	}
	p.seqs[room] = seq
	return p.append(dst)
}
