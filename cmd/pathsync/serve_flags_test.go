package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// parse parses the flags of the server without running it.
func parse(t *testing.T, args ...string) serveCommand {
	t.Helper()
	line := commandLine{Serve: defaultServe()}
	parser, err := newParser(&line)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Fatal(err)
	}
	return line.Serve
}

func TestFlagsHaveTheDefaultsOfTheServer(t *testing.T) {
	want := serveCommand{
		networkFlags{Listen: "127.0.0.1:8080"},
		tlsFlags{ACMECache: "pathsync-acme", ACMEServer: "https://acme-v02.api.letsencrypt.org/directory"},
		storageFlags{Database: "sqlite:pathsync.db", DatabaseWait: 10 * time.Minute, ServerBatch: 1500 * time.Millisecond},
		clusterFlags{},
		authFlags{Auth: "none"},
		roomFlags{RoomIdle: time.Minute, MaxDocumentBytes: 8 << 20, MaxDocuments: 10_000, MaxRooms: 100000, MemoryBudget: 2 << 30},
		streamFlags{PresenceTimeout: 15 * time.Second, Heartbeat: 15 * time.Second, MaxDelay: 15 * time.Millisecond, FeedBytes: 4 << 20, DrainSpread: 3 * time.Second},
		requestFlags{MaxBodyBytes: 1 << 20, MaxOps: 1000, MaxDepth: 64},
		partyFlags{
			AddressBatches: 1000, AddressRequests: 1000, AddressStreams: 10000, AddressRooms: 10000,
			UserBatches: 200, UserRequests: 200, UserStreams: 200, UserRooms: 1000, ClientBatches: 100,
		},
		logFlags{LogLevel: "info", LogFormat: "text"},
	}
	if got := parse(t); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestServeIsTheDefaultCommand(t *testing.T) {
	if a, b := parse(t, "--listen", "[::1]:9000"), parse(t, "serve", "--listen", "[::1]:9000"); !reflect.DeepEqual(a, b) || a.Listen != "[::1]:9000" {
		t.Errorf("%+v and %+v", a, b)
	}
}

func TestEveryServerFlagHasAnEnvironmentVariable(t *testing.T) {
	line := commandLine{Serve: defaultServe()}
	parser, err := newParser(&line)
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Children {
		if command.Name != "serve" {
			continue
		}
		for _, flag := range command.Flags {
			want := "PATHSYNC_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
			if !slices.Equal(flag.Envs, []string{want}) {
				t.Errorf("--%s has %q, want %q", flag.Name, flag.Envs, want)
			}
		}
		if len(command.Flags) < 50 {
			t.Errorf("%d flags", len(command.Flags))
		}
	}
	t.Setenv("PATHSYNC_LISTEN", "127.0.0.1:0")
	t.Setenv("PATHSYNC_MAX_OPS", "7")
	if c := parse(t, "--max-ops", "8"); c.Listen != "127.0.0.1:0" || c.MaxOps != 8 {
		t.Errorf("%+v: a flag wins over its twin, a twin over the default", c)
	}
}

func TestInvalidServerFlagsAreRefused(t *testing.T) {
	good := parse(t)
	tests := []struct {
		says   string
		change func(*serveCommand)
	}{
		{"--listen", func(c *serveCommand) { c.Listen = "localhost" }},
		{"--listen", func(c *serveCommand) { c.Listen = "localhost:65536" }},
		{"--listen", func(c *serveCommand) { c.Listen = "localhost:-1" }},
		{"--database must not be empty", func(c *serveCommand) { c.Database = "" }},
		{"--server-batch-ms must be at least 1", func(c *serveCommand) { c.ServerBatch = 0 }},
		{"--presence-timeout-ms", func(c *serveCommand) { c.PresenceTimeout = -1 }},
		{"--heartbeat-ms", func(c *serveCommand) { c.Heartbeat = 0 }},
		{"--max-delay-ms must be at least 1", func(c *serveCommand) { c.MaxDelay = 0 }},
		{"--max-depth must be at most 64", func(c *serveCommand) { c.MaxDepth = 65 }},
		{"--max-body-bytes", func(c *serveCommand) { c.MaxBodyBytes = 0 }},
		{"--allow-origin", func(c *serveCommand) { c.AllowOrigin = []string{"https://app.example.com/"} }},
		{"--allow-origin", func(c *serveCommand) { c.AllowOrigin = []string{"*", "https://app.example.com"} }},
		{"--tls-cert and --tls-key go together", func(c *serveCommand) { c.TLSCert = "cert.pem" }},
		{"--tls-cert and --tls-key go together", func(c *serveCommand) { c.TLSKey = "key.pem" }},
		{"--acme-domain", func(c *serveCommand) {
			c.TLSCert, c.TLSKey, c.ACMEDomain = "cert.pem", "key.pem", []string{"example.com"}
		}},
		{"--acme-server must be a URL", func(c *serveCommand) { c.ACMEServer = "letsencrypt" }},
		{"--acme-cache must not be empty", func(c *serveCommand) { c.ACMECache = "" }},
		{"--h2c", func(c *serveCommand) { c.H2C, c.ACMEDomain = true, []string{"example.com"} }},
		{"--trusted-proxies", func(c *serveCommand) { c.TrustedProxies = []string{"10.0.0.0/8", "proxy.example.com"} }},
		{"--trusted-proxies", func(c *serveCommand) { c.TrustedProxies = []string{"::ffff:10.0.0.0/104"} }},
		{"--address-batches must be at least 0", func(c *serveCommand) { c.AddressBatches = -1 }},
		{"--client-batches", func(c *serveCommand) { c.ClientBatches = -0.1 }},
		{"--drain-spread must be at most 1m", func(c *serveCommand) { c.DrainSpread = time.Hour }},
		{"--admin-listen must be an address", func(c *serveCommand) { c.AdminListen = "9090" }},
		{"--log-level must be one of: debug info warn error", func(c *serveCommand) { c.LogLevel = "loud" }},
		{"--log-format", func(c *serveCommand) { c.LogFormat = "xml" }},
	}
	for _, test := range tests {
		c := good
		test.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v, want %q", err, test.says)
		}
	}
	for _, listen := range []string{":8080", "[::1]:8080", "127.0.0.1:0", "example.org:80"} {
		c := good
		c.Listen, c.InsecureNoAuth = listen, true
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", listen, err)
		}
	}
}
