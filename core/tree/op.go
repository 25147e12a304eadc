package tree

// Kind is what an operation does. Its text is the wire's `op` and the change log's `op` column.
type Kind string

// The six kinds of operation.
const (
	Set         Kind = "set"
	Delete      Kind = "delete"
	ArrayAdd    Kind = "array_add"
	ArrayDelete Kind = "array_del"
	ArrayMove   Kind = "array_move"
	Init        Kind = "init"
)

// Reason says why an operation changed nothing. Its text is the wire's `reason` and the change log's `discarded` column.
type Reason string

// Applied is the absence of a reason: the operation took effect.
const Applied Reason = ""

// The reasons for which an operation is discarded.
const (
	ItemDeleted  Reason = "item_deleted"  // the path names, or runs through, an item that is not there
	TypeMismatch Reason = "type_mismatch" // what stands at the path is not what the operation or the path needs
	Exists       Reason = "exists"        // `init` of a document that exists
	NotFound     Reason = "not_found"     // `delete` of a member that is not there
	TooLarge     Reason = "too_large"     // the document would grow past its limit
)

// NoGrowth is the limit of a document that must not grow at all, and so cannot be created either.
const NoGrowth = -1

// NoIndex stands for an absent `arrayIndex`.
const NoIndex = -1
