package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"strings"

	"github.com/pathsync/pathsync/server"
)

// serveCommand runs the server. The flags are in serve_flags.go.
type serveCommand struct {
	networkFlags `embed:"" group:"Network"`
	tlsFlags     `embed:"" group:"TLS"`
	storageFlags `embed:"" group:"Database"`
	clusterFlags `embed:"" group:"Several servers"`
	authFlags    `embed:"" group:"Authentication"`
	roomFlags    `embed:"" group:"Rooms"`
	streamFlags  `embed:"" group:"Streams and presence"`
	requestFlags `embed:"" group:"Requests"`
	partyFlags   `embed:"" group:"Limits of one address, user or client"`
	logFlags     `embed:"" group:"Log"`
}

// Help is shown below the flags.
func (*serveCommand) Help() string {
	return `Each flag can be set in the environment: --listen is PATHSYNC_LISTEN. A flag on the command line takes precedence. SIGTERM stops the server gracefully: clients reconnect elsewhere or later, documents are saved, and no accepted change is lost.

Examples:

  pathsync --database sqlite:/var/lib/pathsync/state.db
  PATHSYNC_DATABASE='sqlserver://user:password@host?database=mydb' pathsync
  pathsync --database memory: --listen 127.0.0.1:0 --log-format json`
}

// defaultServe returns the flags of a server with its default configuration.
func defaultServe() serveCommand {
	d := server.DefaultConfig()
	return serveCommand{
		networkFlags(d.NetworkConfig), tlsFlags(d.TLSConfig), storageFlags(d.StorageConfig), clusterFlags(d.ClusterConfig), authFlags(d.AuthConfig),
		roomFlags(d.RoomConfig), streamFlags(d.StreamConfig), requestFlags(d.RequestConfig), partyFlags(d.PartyConfig),
		logFlags{LogLevel: "info", LogFormat: "text"},
	}
}

// config returns the server's configuration. Its groups differ from the flags only in their tags.
func (c *serveCommand) config(log *slog.Logger) server.Config {
	return server.Config{
		NetworkConfig: server.NetworkConfig(c.networkFlags),
		TLSConfig:     server.TLSConfig(c.tlsFlags),
		StorageConfig: server.StorageConfig(c.storageFlags),
		ClusterConfig: server.ClusterConfig(c.clusterFlags),
		AuthConfig:    server.AuthConfig(c.authFlags),
		RoomConfig:    server.RoomConfig(c.roomFlags),
		StreamConfig:  server.StreamConfig(c.streamFlags),
		RequestConfig: server.RequestConfig(c.requestFlags),
		PartyConfig:   server.PartyConfig(c.partyFlags),
		Log:           log,
		FieldName:     flagName,
	}
}

// Validate is called by kong before Run.
func (c *serveCommand) Validate() error {
	c.normalize()
	return errors.Join(c.checkTexts(), c.checkLog(), c.config(nil).Validate())
}

// Run serves until ctx ends.
func (c *serveCommand) Run(ctx context.Context, p *program) error {
	useTwoProcessors()
	s, err := server.New(c.config(c.logger(p)))
	if err != nil {
		return err
	}
	return s.Serve(ctx)
}

// useTwoProcessors lets other goroutines run while a commit waits for the disk, on a machine with one processor. With
// GOMAXPROCS=1 they wait until the Go scheduler notices, up to 10 ms.
func useTwoProcessors() {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) == 1 {
		runtime.GOMAXPROCS(2)
	}
}

func (c *serveCommand) logger(p *program) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // checkLog has validated it
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, options))
	}
	return slog.New(slog.NewTextHandler(p.stderr, options))
}

// normalize trims the elements of lists and lowers the case of choices.
func (c *serveCommand) normalize() {
	for _, list := range []*[]string{&c.PublicRooms, &c.ACMEDomain, &c.AllowOrigin, &c.TrustedProxies} {
		var elements []string
		for _, element := range *list {
			if element = strings.TrimSpace(element); element != "" {
				elements = append(elements, element)
			}
		}
		*list = elements
	}
	for _, choice := range []*string{&c.Auth, &c.LogLevel, &c.LogFormat} {
		*choice = strings.ToLower(*choice)
	}
}
