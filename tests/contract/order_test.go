package contract

import (
	"encoding/json"
	"strings"
)

// findWrongOrder checks the order of events: the positions of the stream of a room, and the numbers and times of a probe.
func findWrongOrder(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	r.described(c, func(name string, e *exchange) {
		o := order{}
		for _, i := range e.itemsOf(name) {
			if err := json.Unmarshal([]byte(i.data), &o.data); err != nil {
				f.add("%s: %v", name, err)
			}
			if !o.follows(i.name) {
				f.add("%s: %s %s does not follow the events before it: %s", name, i.name, i.id, i.data)
			}
		}
	})
	return found
}

// itemsOf returns the events of the streams that have an order.
func (e *exchange) itemsOf(operation string) (events []item) {
	if !e.isStream || operation == ofRooms {
		return nil
	}
	for _, i := range e.items() {
		if i.name == "delta" || i.name == "up-to-date" || strings.HasPrefix(i.name, "probe") {
			events = append(events, i)
		}
	}
	return events
}

// order is what the events before have told.
type order struct {
	data struct{ ServerSeq, N, Ms int64 } // of the current event

	hasPosition            bool
	position, number, time int64
}

func (o *order) follows(event string) (ok bool) {
	switch event {
	case "delta":
		ok = !o.hasPosition || o.data.ServerSeq == o.position+1
		o.hasPosition, o.position = true, o.data.ServerSeq
	case "up-to-date":
		ok = !o.hasPosition || o.data.ServerSeq == o.position
		o.hasPosition, o.position = true, o.data.ServerSeq
	case "probe":
		ok = o.data.N == o.number+1 && o.data.Ms >= o.time
		o.number, o.time = o.data.N, o.data.Ms
	case "probe-end":
		ok = o.data.Ms >= o.time
	default:
		ok = true
	}
	return ok
}
