package main

import (
	"fmt"
	"time"
)

// join starts others on the database of s. They share its processor. With a bus, it returns when all servers know each other.
func (s *server) join(others int) error {
	if others == 0 {
		return nil
	}
	for range others {
		other := &server{args: s.args, cluster: s.cluster}
		if err := other.start(); err != nil {
			return err
		}
		s.others = append(s.others, other)
	}
	if !s.cluster {
		return nil
	}
	n := float64(1 + others)
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		known, err := s.sum("pathsync_cluster_servers")
		if err != nil {
			return err
		}
		healthy, err := s.sum("pathsync_bus_healthy")
		if err != nil {
			return err
		}
		if known == n*n && healthy == n {
			return nil
		}
		if time.Now().After(limit) {
			return fmt.Errorf("%v servers have not found each other within 20 s", n)
		}
	}
}

// at returns the server of the client with number i: they take turns.
func (s *server) at(i int) *server {
	if i %= 1 + len(s.others); i > 0 {
		return s.others[i-1]
	}
	return s
}

// sum returns the sum of a metric of all servers.
func (s *server) sum(series string) (total float64, err error) {
	for i := range 1 + len(s.others) {
		v, err := s.at(i).metric(series)
		if err != nil {
			return 0, err
		}
		total += v
	}
	return total, nil
}
