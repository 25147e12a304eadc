//go:build race

package sqlstore

const raceDetector = true
