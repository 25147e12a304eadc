// Package origin decides which web pages may use the API: CORS for allowed origins, protection against cross-site requests,
// and protection of local servers against DNS rebinding.
package origin
