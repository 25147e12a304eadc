package server

import (
	"fmt"
	"testing"
)

func TestTrustedProxiesAreAddressesOrNetworks(t *testing.T) {
	cfg := DefaultConfig()
	cfg.TrustedProxies = []string{"10.0.0.7", "192.168.1.7/16", "::1", "2001:db8::/32", "::ffff:10.0.0.8"}
	limits, err := cfg.limits()
	if got := fmt.Sprint(limits.TrustedProxies); err != nil || got != "[10.0.0.7/32 192.168.0.0/16 ::1/128 2001:db8::/32 10.0.0.8/32]" {
		t.Errorf("%s, %v", got, err)
	}
}
