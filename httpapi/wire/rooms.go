package wire

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// MaxRooms is the maximum number of rooms of one stream. Each of its event ids has a position for every room.
const MaxRooms = 32

// DecodeRooms reads the rooms of a ticket: `{room}` or `{rooms}`.
func DecodeRooms(body []byte, maxDepth int) (rooms []string, err error) {
	d := decoder{}
	obj, err := d.object(body, maxDepth)
	if err != nil {
		return nil, err
	}
	for name, v := range obj.All() {
		switch {
		case name != "room" && name != "rooms":
			d.unknown("", name)
		case rooms != nil:
			d.fault("", "must have either room or rooms")
		case name == "room":
			rooms = []string{d.name("/room", v, core.MaxRoomLength)}
		default:
			rooms = d.rooms("/rooms", v)
		}
	}
	if rooms == nil && len(d.faults) == 0 {
		d.fault("/room", "is missing")
	}
	return rooms, d.err()
}

func (d *decoder) rooms(pointer string, v tree.Value) []string {
	list, ok := v.(*tree.Array)
	if !ok || list.Len() == 0 || list.Len() > MaxRooms {
		d.fault(pointer, fmt.Sprintf("must be an array of 1 to %d rooms", MaxRooms))
		return []string{}
	}
	rooms := make([]string, 0, list.Len())
	for v := range list.Values() {
		rooms = append(rooms, d.name(pointer+"/"+strconv.Itoa(len(rooms)), v, core.MaxRoomLength))
	}
	if _, repeated := Repeated(rooms); repeated {
		d.fault(pointer, "must not name a room twice")
	}
	return rooms
}

// Repeated returns a text that is in a list more than once.
func Repeated(list []string) (string, bool) {
	for i, text := range list {
		if slices.Contains(list[:i], text) {
			return text, true
		}
	}
	return "", false
}
