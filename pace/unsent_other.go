//go:build !linux

package pace

// setMaxUnsent does nothing: the limit of Linux is not known here. A slow reader behind a large buffer may be taken for a
// stalled one.
func setMaxUnsent(uintptr, int) {}
