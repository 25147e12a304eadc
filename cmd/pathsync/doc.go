// Command pathsync runs the server and calls a running one.
//
//	pathsync [serve]                 runs the server
//	pathsync tail ROOM               follows a room
//	pathsync get ROOM [KEY]          prints a room, or one of its documents
//	pathsync set ROOM KEY PATH JSON  sets one value
//	pathsync migrate [--print]       creates or upgrades the tables, or prints the SQL for that
//	pathsync takeover                takes over the tables of nuxt-synced-pinia-store
//	pathsync epoch [rotate]          prints or renews the epoch of a database
//	pathsync doctor URL              diagnoses proxies
//
// Every flag of the server can be set in the environment: --listen is PATHSYNC_LISTEN, and so on.
//
// The exit code is 0 after success, 1 when the server refused or could not be reached, and 2 when the command line is
// invalid. The command doctor exits with 1 after a fault, and with 2 when the server does not answer.
package main
