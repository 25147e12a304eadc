// Package sqlstore keeps pathsync's log and documents in the customer's own SQL database: a core.Store over
// database/sql.
//
//	store, err := sqlstore.Open(ctx, "sqlite:pathsync.db")
//	store, err := sqlstore.Open(ctx, "postgres://user:password@host/database", sqlstore.WithLog(log))
//
// # Tables
//
// sync_change_log has one row per operation, and is only ever added to. The rows of a batch share its (room,
// server_seq) and are numbered by op_index from 0. (room, server_seq, op_index) is unique: this fence is what makes two
// servers on one database safe, because the second to take a number gets core.ErrConflict.
//
// sync_documents has one row per room and key: the latest state that was checkpointed, and the server_seq of the last
// batch in it. A row is only ever replaced by a newer one.
//
// sync_meta has the name of this history (epoch) and the number of the last migration (schema_version).
//
// What is absent is NULL: value for a kind without one, client_seq of a sender who does not number, array_index where
// none was sent, discarded where the operation took effect. Times have milliseconds: a number of them since the Unix epoch
// in SQLite, the database's own kind of time elsewhere.
//
// # Dialects
//
// Statements that every database understands are built once, by buildTexts. What differs is behind the dialect
// interface, in files named after the database (sqlite, postgres, sqlserver):
//
//	NAME.go         connections
//	NAME_rows.go    how rows are inserted and the log is read, where that is more than a statement
//	NAME_errors.go  the driver's error codes, as the core and a person understand them
//	migrations/NAME the schema, version by version
//
// and besides
//
//	sqlite_checkpoint.go  copying the write-ahead log into the database file, off the path of the appends
//	postgres_config.go    what a URL says, and safe defaults for what it does not
//	sqlserver_dsn.go      the same for SQL Server
//	sqlserver_link.go     the limits that its driver leaves to the network
//	sqlserver_texts.go    its statements, which are made for a schema and a number of rows
//
// # Errors
//
// Errors that wrap core.ErrConflict or core.ErrRejected mean what core says. All others are worth repeating, and say
// in one line what was being done and, where it is known, what a person can do about it. They never show a URL, a host,
// a user, a statement or a value, whatever a driver puts into its own texts (see reworded).
package sqlstore
