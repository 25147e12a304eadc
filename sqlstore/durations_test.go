package sqlstore

import "testing"

// comparesDurations skips a test with the race detector, which makes SQLite, which is Go code here, many times slower and the other
// databases no slower. `make test` runs these tests without it.
func comparesDurations(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("durations are compared without the race detector")
	}
}
