// Command pathsync runs the server and calls a running one.
//
//	pathsync [serve]                    runs the server
//	pathsync check                      checks the configuration, without starting
//	pathsync stats, rooms               show a server and its rooms, from --admin-listen
//	pathsync get ROOM [KEY]             prints a room, or one of its documents
//	pathsync set ROOM KEY PATH JSON     sets one value
//	pathsync apply ROOM KEY [FILE]      applies operations
//	pathsync tail ROOM…                 follows rooms
//	pathsync history ROOM               prints the change log of a room
//	pathsync export [ROOM…]             writes documents as JSON lines
//	pathsync import [FILE]              reads them
//	pathsync migrate [--print]          creates or upgrades the tables, or prints the SQL for that
//	pathsync takeover                   takes over the tables of nuxt-synced-pinia-store
//	pathsync epoch [rotate]             prints or renews the epoch of a database
//	pathsync cluster                    shows the servers that share a database
//	pathsync token make, token check    make tokens for development, and explain why one is refused
//	pathsync doctor URL                 diagnoses proxies
//	pathsync bench [LOAD…]              measures a server under load
//	pathsync completion SHELL           prints a completion script for bash, zsh or fish
//	pathsync version                    prints the version
//
// Every flag of the server can be set in the environment: --listen is PATHSYNC_LISTEN, and so on.
//
// Results go to standard output, with --json as JSON; errors and progress go to standard error. Colours and progress are shown on
// a terminal only, and colours not with NO_COLOR. SIGINT and SIGTERM end every command.
//
// The exit code is 0 after success, 1 after a failure, for example when the server refused or could not be reached, and 2 when
// the command line or the configuration is invalid. The command doctor exits with 1 after a fault, and with 2 when the server does
// not answer. A command that a signal ended before it was done exits with 130; serve and tail then exit with 0.
package main
