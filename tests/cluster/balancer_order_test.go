package cluster

import (
	"net/http"
	"testing"
)

// Requests of one connection reach all servers in turn.
func TestConsecutiveRequestsReachDifferentServers(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	c.balance()
	last, counts := "", map[string]int{}
	for range 30 {
		resp, err := http.Get(c.front + "/v1/rooms/any")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		by := resp.Header.Get(serverHeader)
		if by == last {
			t.Errorf("two consecutive requests reached %q", by)
		}
		last = by
		counts[by]++
	}
	for _, s := range c.servers {
		if counts[s.id()] != 10 {
			t.Errorf("requests by server: %v", counts)
		}
	}
}
