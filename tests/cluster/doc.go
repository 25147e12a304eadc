// Package cluster tests several servers on one PostgreSQL, as processes behind a balancer that sends consecutive requests to
// different servers, while servers are killed, paused, stopped and started.
package cluster
