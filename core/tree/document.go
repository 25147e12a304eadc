package tree

// Document is a JSON document. The zero Document does not exist: an operation creates it, and nothing removes it. A Document
// is not safe for concurrent use. A copy shares its values with the original, so only one of them may be changed.
type Document struct {
	root    Value    // nil: the document does not exist
	journal *journal // between Begin and Rollback, else nil
	moves   moves    // moved items, for Follow
	sharing *sharing // nil: no snapshot was taken
}

// LoadDocument parses a stored document.
func LoadDocument(json []byte) (*Document, error) {
	root, err := ParseStored(json)
	if err != nil {
		return nil, err
	}
	return &Document{root: root}, nil
}

// Exists reports whether the document exists. A document that is null exists.
func (d *Document) Exists() bool { return d.root != nil }

// Size returns the length of the document's encoding in bytes, and 0 if the document does not exist.
func (d *Document) Size() int {
	if d.root == nil {
		return 0
	}
	return d.root.Size()
}

// AppendJSON appends the canonical encoding of the document to dst and returns the extended slice. It appends nothing if the
// document does not exist.
func (d *Document) AppendJSON(dst []byte) []byte {
	if d.root == nil {
		return dst
	}
	return AppendJSON(dst, d.root)
}

// Begin starts a dry run: Rollback will undo what Apply does from now on. Begin and Rollback alternate.
func (d *Document) Begin() { d.journal = &journal{moves: d.moves} }

// Rollback undoes what was applied since Begin, at about the same cost, and ends the dry run. It restores the values of the
// operations, too, so the same operations can be applied again.
func (d *Document) Rollback() {
	d.journal.undo(d)
	d.moves = d.journal.moves
	d.journal = nil
}
