package testkit

import "fmt"

// StateEvent returns a framed `state` event of a room with a number of items, of 120 bytes each.
func StateEvent(items int) []byte {
	text := []byte(`event: state
data: {"room":"board-7","key":"default","serverSeq":1,"state":{"tasks":[`)
	for i := range items {
		text = fmt.Appendf(text, `{"_sync_id":"%016x","title":"item %d of the list","done":%v,"assignee":"user-%d","notes":"%x"},`,
			uint64(i+1)*0x9e3779b97f4a7c15, i, i%3 == 0, i*7919%20, uint64(i+7)*0xbf58476d1ce4e5b9)
	}
	return append(text, "{}]}}\n\n"...)
}
