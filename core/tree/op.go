package tree

// Kind is the kind of an operation: `op` on the wire, and the column `op` of the change log.
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

// Reason says why an operation was discarded: `reason` on the wire, and the column `discarded` of the change log.
type Reason string

// Applied is the absence of a reason: the operation was applied.
const Applied Reason = ""

// The reasons for which an operation is discarded.
const (
	ItemDeleted  Reason = "item_deleted"  // an item on the path does not exist
	TypeMismatch Reason = "type_mismatch" // the value at the path is not of the type that the operation or the path needs
	Exists       Reason = "exists"        // `init` of a document that exists
	NotFound     Reason = "not_found"     // `delete` of a member that does not exist
	TooLarge     Reason = "too_large"     // the document would exceed its limit
)

// NoGrowth is the limit of a document that must not grow, and so cannot be created.
const NoGrowth = -1

// NoIndex is an absent `arrayIndex`.
const NoIndex = -1
