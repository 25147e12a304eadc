package server

import (
	"log/slog"
	"net"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi"
)

// Config configures a Server. DefaultConfig returns one to start from. A zero value of a limit means no limit where the
// field says so; elsewhere New refuses it. The tags `validate` state the accepted ranges.
type Config struct {
	NetworkConfig
	TLSConfig
	StorageConfig
	ClusterConfig
	AuthConfig
	RoomConfig
	StreamConfig
	RequestConfig
	PartyConfig

	// Store is used instead of Database. Shutdown closes it.
	Store core.Store
	// Authenticator is used instead of Auth.
	Authenticator httpapi.Authenticator
	// InitialState is used instead of InitialStateURL.
	InitialState core.InitialStateLoader
	// Listener is used instead of Listen. Serve closes it.
	Listener net.Listener
	// Log receives the server's messages. Default: none.
	Log *slog.Logger
	// FieldName returns the name of a field in errors and logs, such as its flag. Default: the Go name.
	FieldName func(field string) string
}

// NetworkConfig says where the server listens and which pages and proxies it trusts.
type NetworkConfig struct {
	Listen         string   `validate:"address"`           // host:port; without a host, every interface
	AdminListen    string   `validate:"omitempty,address"` // host:port for operators: metrics, profiles, health; "": /metrics is public
	AllowOrigin    []string // other origins whose pages may use the API; "*": every page, without cookies
	TrustedProxies []string // addresses and networks whose X-Forwarded-For is trusted
	H2C            bool     // accept HTTP/2 without TLS
}

// TLSConfig enables HTTPS, by a certificate in files or one from an ACME server.
type TLSConfig struct {
	TLSCert    string   // PEM file of the certificate chain; reloaded when it changes
	TLSKey     string   // PEM file of the key
	ACMEDomain []string // domains to get certificates for
	ACMECache  string   `validate:"required"` // directory for certificates from the ACME server, and their keys
	ACMEServer string   `validate:"url"`      // directory URL of the ACME server
}

// StorageConfig names the database and says when it is written.
type StorageConfig struct {
	Database            string        `validate:"required"`       // sqlite:FILE, sqlserver://…, postgres://… or memory:
	DatabaseWait        time.Duration `validate:"min=0"`          // wait this long for the database at the start; 0: do not wait
	ServerBatch         time.Duration `validate:"min=1ms,max=1h"` // interval between writes of changed documents
	CommitWindow        time.Duration `validate:"min=0,max=1s"`   // wait this long for more batches before each transaction
	LogRetention        time.Duration `validate:"min=0"`          // prune older batches from the change log; 0: keep all
	LogRetentionBatches int64         `validate:"min=0"`          // keep this many batches of each room in the change log; 0: all
}

// ClusterConfig makes several servers on one database work as one.
type ClusterConfig struct {
	Cluster          bool   // the servers connect to each other, by a NATS in each of them
	ClusterListen    string `validate:"omitempty,address"` // host:port for the other servers
	ClusterAdvertise string `validate:"omitempty,address"` // host:port at which they reach ClusterListen; "": that
	NATS             string // URL of an existing NATS instead
}

// AuthConfig says who may use the API.
type AuthConfig struct {
	Auth           string   `validate:"oneof=none jwt app"` // none, jwt, or app: the application decides
	JWTSecret      string   // shared secret of tokens, at least 32 bytes
	JWTKey         string   // PEM file of the public key of tokens
	JWKSURL        string   // URL of the key set of tokens
	JWTIssuer      string   // required `iss` of tokens; "": any
	JWTAudience    string   // required `aud` of tokens; "": any
	AuthorizeURL   string   // endpoint of the application, with app
	PublicRooms    []string // patterns of rooms that can be read without a token
	InsecureNoAuth bool     // with none: allow all access from the network too
}

// RoomConfig configures the rooms in memory.
type RoomConfig struct {
	InitialStateURL  string        // endpoint that returns the initial documents of a new room; "": none
	RoomIdle         time.Duration `validate:"min=1ms,max=24h"`         // close a room that has been unused this long
	MaxRooms         int           `validate:"min=1"`                   // rooms in memory
	MaxDocuments     int           `validate:"min=1"`                   // documents in a room
	MaxDocumentBytes int           `validate:"min=1024,max=1073741824"` // size of a document
	MemoryBudget     int64         `validate:"min=0"`                   // estimated bytes of the process; beyond them, no room is opened; 0: no limit
}

// StreamConfig configures event streams and presence.
type StreamConfig struct {
	PresenceTimeout time.Duration `validate:"min=100ms,max=24h"`       // a client without a stream stays present this long
	Heartbeat       time.Duration `validate:"min=100ms,max=1h"`        // send a comment after this much silence
	MaxDelay        time.Duration `validate:"min=1ms,max=1s"`          // of events of a busy room, which are sent together
	FeedBytes       int           `validate:"min=4096,max=1073741824"` // events of a room kept in memory
	CompressStreams bool          // compress the initial documents of streams, with zstd or gzip
	DrainSpread     time.Duration `validate:"min=1ms,max=1m"` // at shutdown, clients reconnect within this time
}

// RequestConfig limits and logs requests.
type RequestConfig struct {
	MaxBodyBytes int  `validate:"min=1024,max=1073741824"` // size of a request body
	MaxOps       int  `validate:"min=1,max=1000000"`       // operations in a batch
	MaxDepth     int  `validate:"min=1,max=64"`            // nesting of a JSON value
	AccessLog    bool // log each request, and each stream when it ends
}

// PartyConfig limits what one client address, user or client may use. Rates are per second. 0: no limit.
type PartyConfig struct {
	AddressBatches  float64 `validate:"min=0,max=1000000000"`
	AddressRequests float64 `validate:"min=0,max=1000000000"` // other than batches
	AddressStreams  int     `validate:"min=0"`                // open at a time
	AddressRooms    int     `validate:"min=0"`                // open because this address asked for them first
	UserBatches     float64 `validate:"min=0,max=1000000000"`
	UserRequests    float64 `validate:"min=0,max=1000000000"` // other than batches
	UserStreams     int     `validate:"min=0"`                // open at a time
	UserRooms       int     `validate:"min=0"`                // open because this user asked for them first
	ClientBatches   float64 `validate:"min=0,max=1000000000"` // from one clientId to one room
}

// DefaultConfig returns the defaults: a server on a loopback address, with a SQLite database in the working directory and
// without authentication.
func DefaultConfig() Config {
	api := httpapi.Config{}.WithDefaults()
	return Config{
		NetworkConfig: NetworkConfig{Listen: "127.0.0.1:8080"},
		TLSConfig:     TLSConfig{ACMECache: "pathsync-acme", ACMEServer: "https://acme-v02.api.letsencrypt.org/directory"},
		StorageConfig: StorageConfig{
			Database: "sqlite:pathsync.db", DatabaseWait: 10 * time.Minute,
			ServerBatch: api.Hub.ServerBatch, CommitWindow: api.Hub.CommitWindow,
		},
		AuthConfig: AuthConfig{Auth: "none"},
		RoomConfig: RoomConfig{
			RoomIdle: api.Hub.RoomIdle, MaxRooms: api.Hub.MaxRooms, MaxDocuments: api.Hub.MaxDocuments,
			MaxDocumentBytes: api.Hub.MaxDocumentBytes, MemoryBudget: 2 << 30,
		},
		StreamConfig: StreamConfig{
			PresenceTimeout: api.Hub.PresenceTimeout, Heartbeat: api.Feeds.Heartbeat, MaxDelay: api.Feeds.MaxDelay,
			FeedBytes: api.Feeds.MaxBytes, DrainSpread: api.Feeds.Spread,
		},
		RequestConfig: RequestConfig{MaxBodyBytes: api.MaxBodyBytes, MaxOps: api.MaxOps, MaxDepth: api.MaxDepth},
		PartyConfig: PartyConfig{
			AddressBatches: 1000, AddressRequests: 1000, AddressStreams: 10_000, AddressRooms: 10_000,
			UserBatches: 200, UserRequests: 200, UserStreams: 200, UserRooms: 1000, ClientBatches: 100,
		},
	}
}
