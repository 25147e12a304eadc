package cluster

import (
	"bufio"
	"strconv"
	"strings"
)

// metric returns the value of a metric of the server without labels; -1 if it cannot be read.
func (s *server) metric(name string) float64 {
	resp, err := s.get("/metrics")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), name+" "); found {
			if v, err := strconv.ParseFloat(text, 64); err == nil {
				return v
			}
		}
	}
	return -1
}
