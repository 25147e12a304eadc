//go:build !linux

package cluster

import "testing"

// Network namespaces exist on Linux only.

func runInNamespace() (code int, ok bool) { return 0, false }

func prepareNamespace() error { return nil }

type namespace struct{}

func (*namespace) enter() error             { return nil }
func (*namespace) run(f func() error) error { return f() }

type router struct{}

func newRouter(t *testing.T) *router {
	t.Helper()
	t.Log("network namespaces exist on Linux only: no link is cut")
	return nil
}

func (*router) connect(*testing.T) (*namespace, string) { return nil, "" }
func (*router) drop(*testing.T, direction)              {}
func (*router) heal(*testing.T, direction)              {}
