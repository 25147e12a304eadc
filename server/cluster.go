package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/pathsync/pathsync"
	"github.com/pathsync/pathsync/bus"
	"github.com/pathsync/pathsync/core"
)

// secretSetting is the setting with the secret by which the servers of a database authenticate to each other.
const secretSetting = "cluster_secret"

// clustered reports whether the server shares its database with others.
func (c Config) clustered() bool { return c.Cluster || c.NATS != "" }

// openBus opens the bus to the other servers of the database.
func (c Config) openBus(ctx context.Context, store core.Store) (*bus.Bus, error) {
	secret, err := store.InitSetting(ctx, secretSetting, rand.Text())
	if err != nil {
		return nil, fmt.Errorf("reading the secret of the cluster: %w", err)
	}
	database := sha256.Sum256([]byte("pathsync database " + secret))
	b, err := bus.Open(ctx, bus.Options{
		URL: c.NATS, Listen: c.ClusterListen, Advertise: c.ClusterAdvertise,
		Database: hex.EncodeToString(database[:]), Epoch: store.Epoch(), Secret: []byte(secret), Log: c.Log,
	})
	if err != nil {
		return nil, c.errorf("joining the cluster ({ClusterListen}, {NATS}): %w", err)
	}
	return b, nil
}

// node describes this server to the others.
func (s *Server) node() core.Node {
	n := core.Node{Address: s.bus.Address(), Version: pathsync.Version}
	if api := s.front.Server(); api != nil { // the hub's first call may come before it is set
		n.Status.Streams = api.FeedStats().Streams
	}
	return n
}

func (c Config) validateCluster() error {
	scheme, _, _ := strings.Cut(c.Database, ":")
	switch {
	case !c.clustered() && c.ClusterListen == "" && c.ClusterAdvertise == "":
		return nil
	case !c.clustered():
		return c.errorf("{ClusterListen} and {ClusterAdvertise} need {Cluster}")
	case c.Store == nil && (scheme == "sqlite" || scheme == "memory"):
		return c.errorf("{Cluster} and {NATS} need a database that several servers share over the network: sqlserver://… or postgres://…. " +
			"A SQLite file belongs to one machine; run one server on it")
	case c.Cluster && c.NATS != "":
		return c.errorf("{Cluster} embeds NATS, and {NATS} uses an existing one: choose one of them")
	case c.NATS != "" && (c.ClusterListen != "" || c.ClusterAdvertise != ""):
		return c.errorf("{ClusterListen} and {ClusterAdvertise} are for {Cluster}; with {NATS}, the servers meet there")
	case c.Cluster && c.ClusterListen == "":
		return c.errorf("{Cluster} needs {ClusterListen}: the address at which the other servers reach this one, such as 10.0.0.5:6222")
	}
	return nil
}
