// Package sqlstore is a core.Store in the customer's own SQL database: SQLite, PostgreSQL or SQL Server.
//
//	store, err := sqlstore.Open(ctx, "sqlite:pathsync.db")
//	store, err := sqlstore.Open(ctx, "postgres://user:password@host/database", sqlstore.WithLog(log))
//
// # Tables
//
// sync_change_log has one row per operation; rows are only added, and pruned. The rows of a batch have the same (room,
// server_seq) and are numbered by op_index from 0. (room, server_seq, op_index) is unique. This fence makes several servers
// on one database safe: the second append of a number returns core.ErrConflict.
//
// sync_documents has one row per room and key: the latest saved state, and the server_seq of the last batch in it. A row is
// only replaced by a newer one. sync_checkpoints has the server_seq up to which the document rows of a room are complete.
//
// sync_nodes has the servers that use the database.
//
// sync_meta has the epoch, the number of the last migration (schema_version), the lowest number of migrations that a program
// must know to use the tables (schema_oldest), and settings.
//
// Absent values are NULL: value for an operation without one, client_seq of a sender without numbers, array_index where
// none was sent, discarded where the operation took effect. Times have milliseconds: since the Unix epoch in SQLite, in the
// database's own type elsewhere.
//
// # Dialects
//
// Package internal/dialect has the statements that are the same in every database, and the interface to the dialects.
// internal/sqlite, internal/postgres and internal/sqlserver implement it, each with its migrations.
//
// # Errors
//
// Errors that wrap an error of core have its meaning. All others can be retried. Each is one line that names the operation,
// the cause and, where it is known, the way out. No error contains a URL, a host, a user, a statement or a value, even if
// the driver's error does.
//
// # Concurrency
//
// All methods of a Store may be called from several goroutines.
package sqlstore
