package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// cluster is servers on one database, with a balancer in front.
type cluster struct {
	t        *testing.T
	network  *network
	database *dbtest.PostgresServer
	storage  *place // of the database
	servers  []*server
	balancer *place
	front    string // URL of the balancer, which sends consecutive requests to different servers
}

// newCluster starts a database and describes n servers, which are not started yet.
func newCluster(t *testing.T, n int) *cluster {
	t.Helper()
	c := &cluster{t: t, network: newNetwork(t)}
	c.storage, c.balancer = c.network.place(t, "database"), c.network.place(t, "balancer")
	c.database = dbtest.NewPostgresAt(t, c.storage.host, c.storage.launch)
	t.Cleanup(c.saveOutput)
	for i := range n {
		p := c.network.place(t, fmt.Sprintf("server %c", 'a'+i))
		c.servers = append(c.servers, &server{t: t, place: p, program: serverBinary, database: c.database.DSN + "?sslmode=disable", address: p.address(t), peers: p.address(t)})
	}
	return c
}

// startCluster starts n servers and waits until they know each other.
func startCluster(t *testing.T, n int) *cluster {
	t.Helper()
	c := newCluster(t, n)
	for _, s := range c.servers {
		s.start()
	}
	c.waitTogether()
	return c
}

// waitTogether waits until all servers are ready and know each other.
func (c *cluster) waitTogether() {
	c.t.Helper()
	for _, s := range c.servers {
		s.waitReady()
	}
	for _, s := range c.servers {
		s.waitForServers(len(c.servers))
	}
}

// saveOutput saves what the servers have printed if the test has failed.
func (c *cluster) saveOutput() {
	if !c.t.Failed() {
		return
	}
	dir, err := os.MkdirTemp("", "pathsync-cluster-output-")
	if err != nil {
		c.t.Log(err)
		return
	}
	for _, s := range c.servers {
		var said strings.Builder
		for _, p := range s.processes {
			said.WriteString(p.Said())
		}
		if err := os.WriteFile(filepath.Join(dir, s.id()), []byte(said.String()), 0o600); err != nil {
			c.t.Log(err)
		}
	}
	c.t.Logf("the output of the servers is in %s", dir)
}
