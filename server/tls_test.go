package server

import (
	"slices"
	"testing"

	"golang.org/x/crypto/acme"
)

func TestACMEChallengeIsAnsweredOnTLSPort(t *testing.T) {
	cfg := DefaultConfig()
	cfg.ACMEDomain, cfg.ACMECache = []string{"example.com"}, t.TempDir()
	config, err := cfg.tlsConfig()
	if err != nil || !slices.Contains(config.NextProtos, acme.ALPNProto) {
		t.Errorf("%v, %v", config, err)
	}
}
