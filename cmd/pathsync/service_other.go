//go:build !windows

package main

import "context"

// runService is for Windows. Elsewhere a service is a process like any other.
func runService(context.Context, func(context.Context) int) (code int, isService bool) {
	return 0, false
}
