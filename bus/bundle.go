package bus

import "encoding/binary"

// bundle is messages with one address that are encrypted and sent together. Many servers answer a client at the same time after
// a commit, and many clients write at the same time; for each bundle, NATS does the work of one message.
type bundle struct {
	to   address
	ids  []uint64
	data []byte // for each message: its id, its length, and its data
}

const maxPartHead = 2 * binary.MaxVarintLen64

// bundlesOf returns the messages of a queue in bundles of at most limit bytes, unless a single message is larger. Messages with
// the same address keep their order.
func bundlesOf(queue []outgoing, limit int) (all []*bundle) {
	for _, m := range queue {
		at := latest(all, m.address)
		if at == nil || len(at.data)+maxPartHead+len(m.data) > limit {
			at = &bundle{to: m.address}
			all = append(all, at)
		}
		at.ids = append(at.ids, m.id)
		at.data = binary.AppendUvarint(at.data, m.id)
		at.data = binary.AppendUvarint(at.data, uint64(len(m.data)))
		at.data = append(at.data, m.data...)
	}
	return all
}

func latest(all []*bundle, to address) *bundle {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].to == to {
			return all[i]
		}
	}
	return nil
}

// unbundle calls take for each message. It returns malformed if it meets something else.
func unbundle(data []byte, take func(id uint64, data []byte)) reason {
	for len(data) > 0 {
		id, n := binary.Uvarint(data)
		if n <= 0 {
			return malformed
		}
		data = data[n:]
		length, n := binary.Uvarint(data)
		if n <= 0 || length > uint64(len(data)-n) {
			return malformed
		}
		take(id, data[n:n+int(length):n+int(length)])
		data = data[n+int(length):]
	}
	return ""
}
