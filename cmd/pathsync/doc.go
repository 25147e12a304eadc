// Command pathsync runs the server, and speaks to a running one.
//
//	pathsync [serve]                 runs the server
//	pathsync tail ROOM               follows a room
//	pathsync get ROOM [KEY]          prints a room, or one of its documents
//	pathsync set ROOM KEY PATH JSON  sets one value
//	pathsync migrate [--print]       makes or upgrades the tables, or prints the SQL that does
//	pathsync takeover                takes over the tables of nuxt-synced-pinia-store
//	pathsync doctor URL              says what proxies on the way do
//
// Every flag of the server has a twin in the environment: --listen is PATHSYNC_LISTEN, and so on.
//
// The exit code is 0 when all went well, 1 when the server refused or could not be reached, and 2 when the command line
// makes no sense; doctor ends with 1 when it has found a fault, and with 2 when nobody answers.
package main
