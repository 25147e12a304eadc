package wire

import (
	"strconv"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/presence"
	"github.com/pathsync/pathsync/core/tree"
)

// AppendDelta appends a batch as the `delta` event has it: with the operations that took effect.
func AppendDelta(dst []byte, b *core.Batch) []byte {
	dst = append(dst, `{"room":`...)
	dst = tree.AppendString(dst, b.Room)
	dst = append(dst, `,"key":`...)
	dst = tree.AppendString(dst, b.Key)
	dst = append(dst, `,"serverSeq":`...)
	dst = strconv.AppendInt(dst, b.ServerSeq, 10)
	dst = append(dst, `,"clientId":`...)
	dst = tree.AppendString(dst, b.ClientID)
	if b.ClientSeq != core.NoClientSeq {
		dst = append(dst, `,"clientSeq":`...)
		dst = strconv.AppendInt(dst, b.ClientSeq, 10)
	}
	if b.UserID != "" {
		dst = append(dst, `,"userId":`...)
		dst = tree.AppendString(dst, b.UserID)
	}
	dst = append(dst, `,"serverTs":`...)
	dst = strconv.AppendInt(dst, b.ServerTs, 10)
	dst = append(dst, `,"ops":[`...)
	first := true
	for i := range b.Ops {
		if b.Ops[i].Discarded == tree.Applied {
			if !first {
				dst = append(dst, ',')
			}
			dst = appendOp(dst, &b.Ops[i])
			first = false
		}
	}
	return append(dst, "]}"...)
}

func appendOp(dst []byte, op *core.LoggedOp) []byte {
	dst = append(dst, `{"path":`...)
	dst = tree.AppendString(dst, op.Path)
	dst = append(dst, `,"op":"`...)
	dst = append(dst, op.Kind...)
	dst = append(dst, '"')
	if op.Value != "" {
		name := `,"value":`
		if op.Kind == tree.ArrayMove {
			name = `,"to":`
		}
		dst = append(dst, name...)
		dst = append(dst, op.Value...)
	}
	if op.Index != tree.NoIndex {
		dst = append(dst, `,"arrayIndex":`...)
		dst = strconv.AppendInt(dst, int64(op.Index), 10)
	}
	return append(dst, '}')
}

// AppendAnswer appends the response to a batch.
func AppendAnswer(dst []byte, epoch string, a core.Answer) []byte {
	b := a.Batch
	dst = append(dst, `{"room":`...)
	dst = tree.AppendString(dst, b.Room)
	dst = append(dst, `,"key":`...)
	dst = tree.AppendString(dst, b.Key)
	dst = append(dst, `,"epoch":"`...)
	dst = append(dst, epoch...)
	dst = append(dst, `","serverSeq":`...)
	dst = strconv.AppendInt(dst, b.ServerSeq, 10)
	dst = append(dst, `,"duplicate":`...)
	dst = strconv.AppendBool(dst, a.Duplicate)
	dst = append(dst, `,"results":[`...)
	for i := range b.Ops {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendResult(dst, &b.Ops[i])
	}
	dst = append(dst, ']')
	if a.FilledIn {
		dst = append(dst, `,"ops":[`...)
		for i := range b.Ops {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendOp(dst, &b.Ops[i])
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendResult(dst []byte, op *core.LoggedOp) []byte {
	if op.Discarded != tree.Applied {
		dst = append(dst, `{"status":"discarded","reason":"`...)
		dst = append(dst, op.Discarded...)
		return append(dst, `"}`...)
	}
	dst = append(dst, `{"status":"applied"`...)
	if op.Index != tree.NoIndex {
		dst = append(dst, `,"arrayIndex":`...)
		dst = strconv.AppendInt(dst, int64(op.Index), 10)
	}
	return append(dst, '}')
}

// AppendState appends one document as the `state` event has it. state is JSON.
func AppendState(dst []byte, room, key string, seq int64, state []byte) []byte {
	dst = append(dst, `{"room":`...)
	dst = tree.AppendString(dst, room)
	dst = append(dst, `,"key":`...)
	dst = tree.AppendString(dst, key)
	dst = append(dst, `,"serverSeq":`...)
	dst = strconv.AppendInt(dst, seq, 10)
	dst = append(dst, `,"state":`...)
	dst = append(dst, state...)
	return append(dst, '}')
}

// AppendUpToDate appends the data of the `up-to-date` event. readOnly: the reader has no write permission in the room.
func AppendUpToDate(dst []byte, room string, id EventID, readOnly bool) []byte {
	dst = append(dst, `{"room":`...)
	dst = tree.AppendString(dst, room)
	dst = append(dst, `,"epoch":"`...)
	dst = append(dst, id.Epoch...)
	dst = append(dst, `","serverSeq":`...)
	dst = strconv.AppendInt(dst, id.Seq, 10)
	if readOnly {
		dst = append(dst, `,"readOnly":true`...)
	}
	return append(dst, '}')
}

// AppendUser appends a user as `presence` and `presence-change` events have it. It is a presence.Encoder.
func AppendUser(dst []byte, u *presence.User) []byte {
	dst = append(dst, `{"clientId":`...)
	dst = tree.AppendString(dst, u.ClientID)
	for _, m := range []struct{ name, text string }{
		{"userId", u.UserID}, {"displayName", u.DisplayName}, {"field", u.Field},
	} {
		if m.text != "" {
			dst = append(dst, `,"`+m.name+`":`...)
			dst = tree.AppendString(dst, m.text)
		}
	}
	dst = append(dst, `,"joinedAt":`...)
	dst = strconv.AppendInt(dst, u.JoinedAt, 10)
	if u.Meta != "" {
		dst = append(dst, `,"meta":`...)
		dst = append(dst, u.Meta...)
	}
	return append(dst, '}')
}

// AppendPresent appends a user with the lease of its client, as the response to a presence update has it.
func AppendPresent(dst []byte, u *presence.User, lease time.Duration) []byte {
	dst = AppendUser(dst, u)
	dst = append(dst[:len(dst)-1], `,"leaseMs":`...)
	dst = strconv.AppendInt(dst, lease.Milliseconds(), 10)
	return append(dst, '}')
}

// AppendPresenceHead appends the data of the `presence` event, which is also the body of GET …/presence, up to the first
// user. PresenceTail follows the last user. version is that of the list, or "". readOnly: the reader has no write permission in
// the room.
func AppendPresenceHead(dst []byte, room, version string, readOnly bool) []byte {
	dst = append(dst, `{"room":`...)
	dst = tree.AppendString(dst, room)
	if readOnly {
		dst = append(dst, `,"readOnly":true`...)
	}
	return append(appendVersion(dst, version), `,"users":[`...)
}

// appendVersion appends the member of a version, unless it is "".
func appendVersion(dst []byte, version string) []byte {
	if version == "" {
		return dst
	}
	dst = append(dst, `,"version":"`...)
	return append(append(dst, version...), '"')
}

// PresenceTail follows the last user.
const PresenceTail = `]}`

// AppendPresenceChange moves clients from a change to the data of a `presence-change` event: as many as fit into maxBytes,
// and at least one. version is that of the presence list afterwards, or "". more reports whether clients are left in the change.
func AppendPresenceChange(dst []byte, room, version string, c *presence.Change, maxBytes int) (_ []byte, more bool) {
	limit := len(dst) + maxBytes
	first := true
	fits := func() bool {
		fits := first || len(dst) < limit
		first = false
		return fits
	}
	dst = append(dst, `{"room":`...)
	dst = tree.AppendString(dst, room)
	dst = appendVersion(dst, version)
	for _, list := range []struct {
		name  string
		users *[]presence.User
	}{{"joined", &c.Joined}, {"updated", &c.Updated}} {
		dst = append(dst, `,"`+list.name+`":[`...)
		for comma := false; len(*list.users) > 0 && fits(); comma = true {
			if comma {
				dst = append(dst, ',')
			}
			dst = AppendUser(dst, &(*list.users)[0])
			*list.users = (*list.users)[1:]
		}
		dst = append(dst, ']')
	}
	dst = append(dst, `,"left":[`...)
	for comma := false; len(c.Left) > 0 && fits(); comma = true {
		if comma {
			dst = append(dst, ',')
		}
		dst = tree.AppendString(dst, c.Left[0])
		c.Left = c.Left[1:]
	}
	return append(dst, "]}"...), len(c.Joined)+len(c.Updated)+len(c.Left) > 0
}
