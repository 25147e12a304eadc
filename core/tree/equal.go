package tree

import "slices"

// EqualButIDs reports whether two stored values are equal except for the strings of `_sync_id` members. It recognises a
// repeated operation to which the server has assigned different ids each time.
func EqualButIDs(a, b string) bool {
	v, err := ParseStored([]byte(a))
	if err != nil {
		return false
	}
	w, err := ParseStored([]byte(b))
	return err == nil && equalButIDs(v, w)
}

func equalButIDs(v, w Value) bool {
	switch v := v.(type) {
	case *Object:
		w, ok := w.(*Object)
		return ok && slices.EqualFunc(v.entries(), w.entries(), func(a, b entry) bool {
			return a.key == b.key && (a.key == IDMember && areStrings(a.value, b.value) || equalButIDs(a.value, b.value))
		})
	case *Array:
		w, ok := w.(*Array)
		if ok && (v.flat != "" || w.flat != "") {
			return v.flat == w.flat
		}
		return ok && slices.EqualFunc(slices.Collect(v.Values()), slices.Collect(w.Values()), equalButIDs)
	default:
		return v == w
	}
}

func areStrings(v, w Value) bool {
	_, ok := v.(String)
	_, also := w.(String)
	return ok && also
}
