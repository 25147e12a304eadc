// Package limit bounds what one client address, one user and one client may use of a server: rates of batches and
// requests, open streams, and open rooms. An exhausted limit is a problem.RateLimited with the time to wait.
package limit
