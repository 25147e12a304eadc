package tree

// Document is one JSON document, or nothing: it does not exist before an operation creates it, and exists for ever
// after. The zero Document does not exist. A Document is not safe for concurrent use, and a copy of one is the same
// document only as long as neither is changed.
type Document struct {
	root    Value    // nil: the document does not exist
	journal *journal // since Begin; else nil
	moves   moves    // where items have gone, for Follow
}

// LoadDocument reads a document as it was stored.
func LoadDocument(json []byte) (*Document, error) {
	root, err := ParseStored(json)
	if err != nil {
		return nil, err
	}
	return &Document{root: root}, nil
}

// Exists reports whether there is a document, be it null.
func (d *Document) Exists() bool { return d.root != nil }

// Size is the length of the document's encoding in bytes, and 0 when it does not exist.
func (d *Document) Size() int {
	if d.root == nil {
		return 0
	}
	return d.root.Size()
}

// AppendJSON appends the canonical encoding of the document to dst and returns the longer slice. When the document
// does not exist it appends nothing.
func (d *Document) AppendJSON(dst []byte) []byte {
	if d.root == nil {
		return dst
	}
	return AppendJSON(dst, d.root)
}

// Begin starts to note what Apply does, so that Rollback can undo it. Begin and Rollback come in turn.
func (d *Document) Begin() { d.journal = &journal{moves: d.moves} }

// Rollback undoes all that was applied since Begin, in a time proportional to what that took, and ends the noting. The
// values of the operations are as they were, too: the same operations can be applied again.
func (d *Document) Rollback() {
	d.journal.undo(d)
	d.moves = d.journal.moves
	d.journal = nil
}
