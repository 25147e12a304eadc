package wire

import (
	"fmt"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/presence"
	"github.com/pathsync/pathsync/core/tree"
)

// MaxMeta is the maximum size of the JSON of `meta` in bytes.
const MaxMeta = 4 << 10

// DecodePresence reads the presence update `{displayName?, via?, field?, meta?}` of a client.
func DecodePresence(clientID string, body []byte, maxDepth int) (u presence.Update, err error) {
	d := decoder{}
	obj, err := d.object(body, maxDepth)
	if err != nil {
		return u, err
	}
	for name, v := range obj.All() {
		switch name {
		case "displayName":
			text := d.optionalText("/displayName", v, core.MaxDisplayNameLength)
			u.DisplayName = &text
		case "via":
			leader := d.leader("/via", v, clientID)
			u.Via = &leader
		case "field":
			u.Field = d.optionalText("/field", v, core.MaxFieldLength)
		case "meta":
			if _, null := v.(tree.Null); !null {
				u.Meta = string(tree.AppendJSON(nil, v))
			}
			if len(u.Meta) > MaxMeta {
				d.fault("/meta", fmt.Sprintf("must not take more than %d bytes", MaxMeta))
			}
		default:
			d.unknown("", name)
		}
	}
	return u, d.err()
}

// optionalText reads a short text. null is "".
func (d *decoder) optionalText(pointer string, v tree.Value, maxLength int) string {
	if _, null := v.(tree.Null); null {
		return ""
	}
	text := d.text(pointer, v)
	if err := core.CheckText(text, maxLength); err != nil {
		d.fault(pointer, err.Error())
	}
	return text
}

// leader reads the client whose stream clientID follows. null is "", no leader.
func (d *decoder) leader(pointer string, v tree.Value, clientID string) string {
	if _, null := v.(tree.Null); null {
		return ""
	}
	leader := d.name(pointer, v, core.MaxClientIDLength)
	if leader == clientID {
		d.fault(pointer, "must be another client, not the client itself")
	}
	return leader
}
