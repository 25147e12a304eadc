package main

import "time"

// The groups of flags are those of server.Config, with the same fields in the same order. Defaults and ranges are
// package server's. Each flag has an environment variable named after it; see serveDefaults.

type networkFlags struct {
	Listen         string   `name:"listen" placeholder:"HOST:PORT" help:"Listen here (${default}). Any address but loopback is open to the network."`
	AdminListen    string   `name:"admin-listen" placeholder:"HOST:PORT" help:"Serve operators here: /metrics, which is then served nowhere else, /debug/pprof, /admin/rooms and /admin/stats, /healthz and /readyz. Keep it away from the public."`
	AllowOrigin    []string `name:"allow-origin" placeholder:"ORIGIN" help:"Allow pages of another origin to use the API, such as https://app.example.com; repeatable. * allows every page, without cookies."`
	TrustedProxies []string `name:"trusted-proxies" placeholder:"CIDR" help:"Proxies whose X-Forwarded-For is trusted, as addresses or networks such as 10.0.0.0/8; repeatable."`
	H2C            bool     `name:"h2c" help:"Accept HTTP/2 without TLS too, from a proxy that uses it."`
}

type tlsFlags struct {
	TLSCert    string   `name:"tls-cert" placeholder:"FILE" help:"Serve HTTPS with this certificate chain, in PEM. It is reloaded when it changes."`
	TLSKey     string   `name:"tls-key" placeholder:"FILE" help:"The certificate's key, in PEM."`
	ACMEDomain []string `name:"acme-domain" placeholder:"NAME" help:"Serve HTTPS with a certificate for this name that is issued and renewed automatically; repeatable. This accepts the terms of --acme-server, which has to reach this server on port 443 of the name."`
	ACMECache  string   `name:"acme-cache" placeholder:"DIRECTORY" help:"Directory for such certificates and their keys (${default})."`
	ACMEServer string   `name:"acme-server" placeholder:"URL" help:"The ACME server (${default})."`
}

type storageFlags struct {
	Database            string        `name:"database" placeholder:"URL" help:"sqlite:FILE, sqlserver://…, postgres://…, or memory: which loses everything at the end (${default})."`
	DatabaseWait        time.Duration `name:"database-wait" placeholder:"DURATION" help:"At the start, wait this long for an unavailable database. Requests get 503 meanwhile. 0 does not wait (${default})."`
	ServerBatch         time.Duration `name:"server-batch-ms" type:"ms" placeholder:"MS" help:"Write changed documents to the database this often, large ones less often (${default}). The log is always written at once."`
	CommitWindow        time.Duration `name:"commit-window-ms" type:"ms" placeholder:"MS" help:"Wait this long for more batches before each transaction: fewer transactions, later answers (${default})."`
	LogRetention        time.Duration `name:"log-retention" placeholder:"DURATION" help:"Prune batches older than this from the change log, such as 720h; 0 keeps all (${default})."`
	LogRetentionBatches int64         `name:"log-retention-batches" placeholder:"N" help:"Keep only the last N batches of each room in the change log; 0 keeps all (${default})."`
}

type clusterFlags struct {
	Cluster          bool   `name:"cluster" help:"Share the database with other servers started with this flag. They find each other in the database and connect to each other."`
	ClusterListen    string `name:"cluster-listen" placeholder:"HOST:PORT" help:"With --cluster, listen here for the other servers. Keep it away from the public."`
	ClusterAdvertise string `name:"cluster-advertise" placeholder:"HOST:PORT" help:"The address at which the other servers reach --cluster-listen, if it differs."`
	NATS             string `name:"nats" placeholder:"URL" help:"Share the database with other servers that use this NATS, such as nats://host:4222, instead of --cluster."`
}

type authFlags struct {
	Auth           string   `name:"auth" placeholder:"HOW" help:"Who may do what: none allows all access, jwt requires a JSON Web Token, app asks your application (${default})."`
	JWTSecret      string   `name:"jwt-secret" placeholder:"SECRET" help:"Verify tokens with this secret, of at least 32 bytes (HS256, HS384, HS512). Prefer the environment variable."`
	JWTKey         string   `name:"jwt-key" placeholder:"FILE" help:"Verify tokens with the public key in this PEM file (RSA, ECDSA, Ed25519)."`
	JWKSURL        string   `name:"jwks-url" placeholder:"URL" help:"Verify tokens with the key set that their issuer publishes here."`
	JWTIssuer      string   `name:"jwt-issuer" placeholder:"ISS" help:"Accept only tokens of this issuer."`
	JWTAudience    string   `name:"jwt-audience" placeholder:"AUD" help:"Accept only tokens for this audience."`
	AuthorizeURL   string   `name:"authorize-url" placeholder:"URL" help:"With --auth app, ask here what a token permits."`
	PublicRooms    []string `name:"public-rooms" placeholder:"PATTERN" help:"Allow everybody to read the documents and batches of these rooms without a token, and shared caches to store them; * matches any characters; repeatable. Streams and presence still require a token."`
	InsecureNoAuth bool     `name:"insecure-no-auth" help:"With --auth none, allow all access from the network too."`
}

type roomFlags struct {
	InitialStateURL  string        `name:"initial-state-url" placeholder:"URL" help:"Ask here for the initial documents of a room without history."`
	RoomIdle         time.Duration `name:"room-idle-ms" type:"ms" placeholder:"MS" help:"Close a room that has been unused this long (${default})."`
	MaxRooms         int           `name:"max-rooms" placeholder:"N" help:"Maximum number of rooms in memory (${default})."`
	MaxDocuments     int           `name:"max-documents" placeholder:"N" help:"Maximum number of documents in a room (${default})."`
	MaxDocumentBytes int           `name:"max-document-bytes" placeholder:"N" help:"Maximum size of a document (${default})."`
	MemoryBudget     int64         `name:"memory-budget" placeholder:"N" help:"Estimated bytes that the process may use. Beyond them, unused rooms close early and no other room opens; 0 for no limit (${default})."`
}

type streamFlags struct {
	PresenceTimeout time.Duration `name:"presence-timeout-ms" type:"ms" placeholder:"MS" help:"A client without a stream stays present this long (${default})."`
	Heartbeat       time.Duration `name:"heartbeat-ms" type:"ms" placeholder:"MS" help:"Send a comment after this much silence on a stream (${default})."`
	MaxDelay        time.Duration `name:"max-delay-ms" type:"ms" placeholder:"MS" help:"Send the events of a busy room with many streams together, delayed by this long at most (${default})."`
	FeedBytes       int           `name:"feed-bytes" placeholder:"N" help:"Events kept in memory per room, for streams that resume or lag (${default})."`
	CompressStreams bool          `name:"compress-streams" negatable:"" help:"Compress the initial documents of streams, for clients that accept zstd or gzip."`
	DrainSpread     time.Duration `name:"drain-spread" placeholder:"DURATION" help:"On SIGTERM, clients reconnect at random times within this period (${default})."`
}

type requestFlags struct {
	MaxBodyBytes int  `name:"max-body-bytes" placeholder:"N" help:"Maximum size of a request body (${default})."`
	MaxOps       int  `name:"max-ops" placeholder:"N" help:"Maximum number of operations in a batch (${default})."`
	MaxDepth     int  `name:"max-depth" placeholder:"N" help:"Maximum nesting of a value (${default})."`
	AccessLog    bool `name:"access-log" negatable:"" help:"Log each request, and each stream when it ends."`
}

type partyFlags struct {
	AddressBatches  float64 `name:"address-batches" placeholder:"N" help:"Batches per second from one client address; 0 for no limit (${default})."`
	AddressRequests float64 `name:"address-requests" placeholder:"N" help:"Other requests per second from one client address; 0 for no limit (${default})."`
	AddressStreams  int     `name:"address-streams" placeholder:"N" help:"Open streams of one client address; 0 for no limit (${default})."`
	AddressRooms    int     `name:"address-rooms" placeholder:"N" help:"Open rooms that one client address was the first to ask for; 0 for no limit (${default})."`
	UserBatches     float64 `name:"user-batches" placeholder:"N" help:"Batches per second from one user, with --auth; 0 for no limit (${default})."`
	UserRequests    float64 `name:"user-requests" placeholder:"N" help:"Other requests per second from one user; 0 for no limit (${default})."`
	UserStreams     int     `name:"user-streams" placeholder:"N" help:"Open streams of one user; 0 for no limit (${default})."`
	UserRooms       int     `name:"user-rooms" placeholder:"N" help:"Open rooms that one user was the first to ask for; 0 for no limit (${default})."`
	ClientBatches   float64 `name:"client-batches" placeholder:"N" help:"Batches per second from one clientId to one room; 0 for no limit (${default})."`
}

type logFlags struct {
	LogLevel  string `name:"log-level" placeholder:"LEVEL" help:"debug, info, warn or error (${default})."`
	LogFormat string `name:"log-format" placeholder:"FORMAT" help:"text or json (${default})."`
}
