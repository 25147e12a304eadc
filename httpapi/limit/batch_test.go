package limit

import "testing"

func TestOnlyPostsToTheOpsOfARoomCountAsBatches(t *testing.T) {
	for path, want := range map[string]bool{
		"/v1/rooms/board/ops": true, "/v1/rooms/ops/ops": true, "/v1/rooms/a%2Fops/ops": true,
		"/v1/rooms/board/presence/ops": false, "/v1/rooms/board/events/ops": false, "/v1/probe/ops": false, "/v1/rooms/ops": false,
	} {
		if got := isBatch(path); got != want {
			t.Errorf("isBatch(%q) = %v", path, got)
		}
	}
}
