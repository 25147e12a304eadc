// Package memstore keeps pathsync's log and documents in memory: the Store behind `--database memory:`, for trying
// pathsync out and for tests that want no database.
//
// It keeps every promise of core.Store but durability: all is gone with the process, and so each new Store has an epoch
// of its own, which makes clients that knew an earlier one start again.
package memstore
