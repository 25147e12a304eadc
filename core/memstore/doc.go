// Package memstore is a core.Store in memory, for `--database memory:` and for tests.
//
// It keeps every guarantee of core.Store except durability. Each new Store has its own epoch, so clients that know an
// earlier one start again.
package memstore
