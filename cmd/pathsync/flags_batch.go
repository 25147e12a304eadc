package main

import (
	"errors"

	"github.com/pathsync/pathsync/client"
)

// batchFlags limit the batches of commands that send many operations.
type batchFlags struct {
	BatchOps   int `name:"batch-ops" default:"500" placeholder:"N" help:"Send up to this many operations as one batch; not more than the server's --max-ops (${default})."`
	BatchBytes int `name:"batch-bytes" default:"524288" placeholder:"N" help:"Send paths and values of up to this many bytes as one batch; less than the server's --max-body-bytes (${default})."`
}

// Validate is called by kong before Run.
func (f batchFlags) Validate() error {
	if f.BatchOps < 1 {
		return errors.New("--batch-ops must be at least 1")
	}
	if f.BatchBytes < 1024 {
		return errors.New("--batch-bytes must be at least 1024")
	}
	return nil
}

// full reports whether an operation is too much for a batch that has some operations of a size.
func (f batchFlags) full(ops, size int, next client.Op) bool {
	return ops == f.BatchOps || ops > 0 && size+opBytes(next) > f.BatchBytes
}

// opBytes is the size of an operation in a request, apart from the names of its members.
func opBytes(op client.Op) int { return len(op.Path) + len(op.Value) + len(op.After) }
