// Package path reads and writes paths: the texts that name a place in a JSON document.
//
//	path = "" | ( key | "[" id "]" ) { "." key | "[" id "]" }
//
// A key names a member of an object, an id in brackets names the item of an array whose `_sync_id` it is. An item is
// never named by its position, because positions change under concurrent edits. The empty path is the document itself.
//
//	title                     the member "title" of the document
//	tasks[t1].subtasks[s2]    the item "s2" of the array "subtasks" of the item "t1" of the array "tasks"
//	files.read\.me            the member "read.me" of the member "files"
//	[t1]                      the item "t1" of the document, which is an array
//
// Inside a key and an id, `\` escapes `.`, `[`, `]` and `\`, and nothing else. A `.` inside an id need not be escaped
// when it is read. When a path is written, all four always are, so every path has one canonical text.
//
// A path has at most [MaxSegments] segments, and its canonical text at most [MaxLength] characters. A character is a
// UTF-16 code unit: what JavaScript's `length` and SQL Server's NVARCHAR count. Keys and ids are not empty, hold no NUL,
// and no key is `__proto__`, which a JavaScript applier could follow to a prototype that all objects share.
package path
