// Package auth finds out who sends a request, from the JSON Web Token (RFC 7519) that comes with it.
//
// A Verifier is made with one key, or with the address of a set of keys. Which algorithms it takes follows from the key
// and never from the token: with a public key nobody can sign by HMAC, and no key takes `none`. What the user may do
// stands in the token's claim `pathsync`:
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
// Names and types are exact, and no member may come twice. `sub` and `exp` are required. A token without the claim is a valid one whose user may do nothing. A claim that is not
// as described is refused as a whole: a misspelt `readOnly` must not grant what it was to take away.
//
// An Application asks somebody else instead, who answers with such claims.
package auth
