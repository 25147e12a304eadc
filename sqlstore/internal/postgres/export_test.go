package postgres

// For the benchmark, which creates its tables with package sqlstore.
const InsertOps = insertOps

var OpArguments = opArguments
