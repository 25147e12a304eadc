//go:build !windows

package main

import "context"

// runService does nothing: only Windows needs it.
func runService(context.Context, func(context.Context) int) (code int, isService bool) {
	return 0, false
}
