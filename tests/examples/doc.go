// Package examples runs the example clients against a real server that is killed, restarted and replaced, and through a proxy
// that refuses requests, loses answers and cuts streams.
package examples
