// Package auth authenticates requests by their tokens.
//
// A Verifier verifies JSON Web Tokens (RFC 7519) with one key or with a published key set. The key determines the
// accepted algorithms, never the token: a public key does not verify HMAC signatures, and `none` is never accepted. The
// claim `pathsync` contains the user's permissions:
//
//	{
//	  "sub": "u-17",
//	  "exp": 1767229200,
//	  "pathsync": {
//	    "rooms": [
//	      {"room": "board-7", "read": true, "write": true, "presence": true},
//	      {"match": "team-red/*", "read": true}
//	    ],
//	    "readOnly": [
//	      {"key": "settings"},
//	      {"match": "team-red/*", "key": "default", "path": "budget"}
//	    ]
//	  }
//	}
//
// `sub` and `exp` are required. Without the claim `pathsync` a token is valid and grants nothing. Names and types are
// exact, and duplicate members are refused. An invalid claim makes the whole token invalid, because a misspelt `readOnly`
// must not grant what it was to take away.
//
// An Application sends the token to an endpoint of the application instead, which answers with such claims.
package auth
