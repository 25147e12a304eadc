// Package examples tests the example clients: with a real server that is killed, restarted, replaced and restored, through a proxy
// that refuses requests, loses answers and cuts streams, and with streams that are unusual.
package examples
