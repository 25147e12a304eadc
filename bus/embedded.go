package bus

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// embedded is a NATS server in this process. Its only client is the bus, through memory.
type embedded struct {
	server  *server.Server
	options *server.Options
	address string // at which others reach it
	log     *serverLog

	quit    chan struct{}
	running sync.WaitGroup
	wake    chan struct{} // has a token when routes have changed

	mu     sync.Mutex
	routes []string // addresses of the other servers, sorted
}

const (
	startTimeout = 10 * time.Second
	// maxPending limits the bytes that wait for one other server. Beyond it, the connection is closed and opened again.
	maxPending = 32 << 20
	// invalidPort is no port, so that listening for clients fails. NATS opens its port for servers only after it has tried to
	// open its port for clients. With DontListen, it never tries, and waits forever.
	invalidPort  = 1 << 16
	noClientPort = "Error listening on port: "
)

// startEmbedded starts a server of a cluster. It returns when the server accepts connections of other servers.
func startEmbedded(ctx context.Context, o Options, name, cluster string, log *limitedLog) (*embedded, error) {
	host, port, err := splitAddress(o.Listen)
	if err != nil {
		return nil, err
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	e := &embedded{log: &serverLog{log, make(chan error, 1)}, quit: make(chan struct{}), wake: make(chan struct{}, 1)}
	e.options = &server.Options{
		ServerName: name, Host: "127.0.0.1", Port: invalidPort,
		NoSigs: true, NoSystemAccount: true, NoFastProducerStall: true, DisableJetStreamBanner: true,
		MaxPayload: defaultPayload, MaxPending: maxPending, WriteDeadline: connectionTimeout,
		PingInterval: connectionTimeout, MaxPingsOut: 2,
		Cluster: server.ClusterOpts{
			Name: cluster, Host: host, Port: port, Advertise: o.Advertise, NoAdvertise: true,
			TLSConfig: routeTLS(o.Secret, o.Database), TLSTimeout: connectionTimeout.Seconds(),
			PoolSize: -1, Compression: server.CompressionOpts{Mode: server.CompressionOff},
			PingInterval: connectionTimeout, MaxPingsOut: 2, WriteDeadline: connectionTimeout, WriteTimeout: server.WriteTimeoutPolicyClose,
		},
	}
	if e.server, err = server.NewServer(e.options); err != nil {
		return nil, err
	}
	e.server.SetLoggerV2(e.log, false, false, false)
	e.server.Start()
	if err := e.started(ctx); err != nil {
		e.server.Shutdown()
		return nil, err
	}
	e.address = o.Advertise
	if e.address == "" {
		e.address = net.JoinHostPort(host, strconv.Itoa(e.server.ClusterAddr().Port))
	}
	e.running.Go(e.applyRoutes)
	return e, nil
}

// started waits until the port for servers is open.
func (e *embedded) started(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for e.server.ClusterAddr() == nil {
		select {
		case err := <-e.log.fatal:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// setRoutes sets the addresses of the other servers. Invalid ones are logged and left out.
func (e *embedded) setRoutes(addresses []string) {
	var routes []string
	for _, a := range addresses {
		if _, _, err := splitAddress(a); err != nil {
			e.log.warn("address "+a, "another server cannot be reached", "error", err)
		} else if a != e.address {
			routes = append(routes, a)
		}
	}
	slices.Sort(routes)
	routes = slices.Compact(routes)
	e.mu.Lock()
	defer e.mu.Unlock()
	if slices.Equal(e.routes, routes) {
		return
	}
	e.routes = routes
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// applyRoutes is the goroutine that passes the addresses on to NATS, which may wait for TLS handshakes of other servers.
func (e *embedded) applyRoutes() {
	for {
		select {
		case <-e.wake:
		case <-e.quit:
			return
		}
		e.mu.Lock()
		routes := e.routes
		e.mu.Unlock()
		options := e.options.Clone()
		options.Routes = nil
		for _, address := range routes {
			options.Routes = append(options.Routes, &url.URL{Scheme: "nats", Host: address})
		}
		if err := e.server.ReloadOptions(options); err != nil {
			e.log.to.Error("the addresses of the other servers cannot be changed", "error", err)
		} else {
			e.options = options
		}
	}
}

func (e *embedded) close() {
	close(e.quit)
	e.running.Wait()
	e.server.Shutdown()
}
