//go:build !linux

package sqlite

// registerVFS returns no name, so that connections use SQLite's own VFS.
func registerVFS() (name string, err error) { return "", nil }
