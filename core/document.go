package core

import (
	"fmt"

	"github.com/pathsync/pathsync/core/retained"
	"github.com/pathsync/pathsync/core/tree"
)

// document is one document of a State, with the state of its database row.
type document struct {
	tree.Document
	key    string
	seq    int64 // serverSeq of the last batch that changed it; 0: it does not exist yet
	row    rowState
	stored bool           // it has a row in the database
	json   *retained.Text // of the present version; nil: not requested yet
	memory int            // its part of State.memory
}

// documentMemory estimates the memory of a document besides its values, key and encoding, in bytes.
const documentMemory = 1 << 10

// loadDocument parses a document row.
func loadDocument(row Document) (*document, error) {
	doc, err := tree.LoadDocument([]byte(row.State))
	if err != nil {
		return nil, fmt.Errorf("%w: document %q: %w", ErrCorrupt, row.Key, err)
	}
	if row.ServerSeq < 1 {
		return nil, fmt.Errorf("%w: document %q: serverSeq %d", ErrCorrupt, row.Key, row.ServerSeq)
	}
	return &document{Document: *doc, key: row.Key, seq: row.ServerSeq, stored: true}, nil
}
