// Package path parses and formats paths, which name a place in a JSON document.
//
//	path = "" | ( key | "[" id "]" ) { "." key | "[" id "]" }
//
// A key names a member of an object. An id in brackets names the array item with this `_sync_id`. Items are not named by
// position, because concurrent edits change positions. The empty path is the document itself.
//
//	title                     the member "title" of the document
//	tasks[t1].subtasks[s2]    the item "s2" of the array "subtasks" of the item "t1" of the array "tasks"
//	files.read\.me            the member "read.me" of the member "files"
//	[t1]                      the item "t1" of the document, which is an array
//
// In a key or id, `\` escapes `.`, `[`, `]` and `\`, and no other character. Parse accepts an unescaped `.` in an id. String
// escapes all four characters, so every path has one canonical text.
//
// A path has at most [MaxSegments] segments, and its canonical text at most [MaxLength] characters. A character is a
// UTF-16 code unit, as in JavaScript's `length` and SQL Server's NVARCHAR. Keys and ids are not empty and contain no NUL. The
// key `__proto__` is forbidden, since a JavaScript client could follow it to a prototype that all objects share.
package path
