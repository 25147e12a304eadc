//go:build !linux

package pace

// setMaxUnsent does nothing: only Linux has the limit. A slow reader behind a large buffer may be cut as a stalled one.
func setMaxUnsent(uintptr, int) {}
