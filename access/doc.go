// Package access describes who sends a request and what that user may do: identities, grants, read-only parts of
// documents, and patterns for names. It is pure data with rules over it. Nothing is looked up, so an Identity gives the
// same answers for as long as it is held. Package auth makes identities from tokens.
package access
