// Package access describes who sends a request and what that user may do: identities, grants, read-only parts of
// documents, and patterns for names. It is pure data with rules over it. Nothing is looked up, so an Identity gives the
// same answers for as long as it is held. Package auth makes identities from tokens.
//
//	reader := access.Identity{User: "u-17", Grants: []access.Grant{{Rooms: access.Glob("team-*"), Read: true}}}
//	reader.Allows(access.Read, "team-red")  // true
//	reader.Allows(access.Write, "team-red") // false
package access
