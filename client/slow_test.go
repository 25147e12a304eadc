package client

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/internal/testkit"
	"github.com/pathsync/pathsync/pace"
)

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLargeTransferOverSlowLinkCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := newClient(t, Config{Server: "http://server", Transport: testkit.SlowLink{PerSecond: 20_000, Answer: strings.Repeat("x", 4<<20)}})
		answer, err := c.exchange(t.Context(), http.MethodPost, "http://server/v1", []byte(strings.Repeat("x", 1<<20)))
		if took := time.Since(began); err != nil || len(answer) != 4<<20 || took < 4*time.Minute {
			t.Errorf("after %v: %d bytes, %v", took, len(answer), err)
		}
	})
}

func TestStalledAnswerIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := newClient(t, Config{Server: "http://server", Transport: testkit.SlowLink{PerSecond: 20_000, Answer: "xx", Stalls: true}})
		if _, err := c.exchange(t.Context(), http.MethodGet, "http://server/v1", nil); !errors.Is(err, pace.ErrStalled) {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took > Patience+time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
