package doctor

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/internal/testkit"
)

func newProber(t *testing.T, link testkit.SlowLink) *Prober {
	t.Helper()
	p, err := NewProber("http://server", "", link)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLargeProbeOverSlowLinkCompletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProber(t, testkit.SlowLink{PerSecond: 20_000, Answer: `{"Bytes":1048576}`})
		if reply := p.post(t.Context(), "doctor", []byte(strings.Repeat("x", 1<<20))); reply.Err != "" || reply.Arrived.Bytes != 1<<20 {
			t.Errorf("%+v", reply)
		}
	})
}

func TestStalledProbeIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		p := newProber(t, testkit.SlowLink{PerSecond: 20_000, Answer: "xx", Stalls: true})
		if reply := p.post(t.Context(), "doctor", []byte("{}")); reply.Err != "no answer in time" {
			t.Errorf("%+v", reply)
		}
		if took := time.Since(began); took > patience+time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
