package main

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strconv"
	"time"

	"github.com/go-playground/validator/v10"
)

// serveCommand is how the server is to run.
type serveCommand struct {
	Listen   string `name:"listen" env:"PATHSYNC_LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" validate:"address" help:"Where to listen (${default}). Anything but loopback is open to the network."`
	Database string `name:"database" env:"PATHSYNC_DATABASE" default:"sqlite:pathsync.db" placeholder:"URL" validate:"required" help:"sqlite:FILE, sqlserver://…, postgres://…, or memory: to forget everything at the end (${default})."`

	DatabaseWait time.Duration `name:"database-wait" env:"PATHSYNC_DATABASE_WAIT" default:"10m" placeholder:"DURATION" validate:"min=0" help:"How long to wait at the start for a database that cannot be used yet. Requests get 503 meanwhile. 0 ends the server at once (${default})."`

	AdminListen string `name:"admin-listen" env:"PATHSYNC_ADMIN_LISTEN" placeholder:"HOST:PORT" validate:"omitempty,address" help:"Where operators are answered: /metrics, which is then nowhere else, /debug/pprof, /healthz and /readyz. Keep it away from the public."`

	Auth           string   `name:"auth" env:"PATHSYNC_AUTH" default:"none" placeholder:"HOW" validate:"oneof=none jwt app" help:"Who may do what: none lets everybody do everything, jwt asks for a JSON Web Token, app asks your application (${default})."`
	JWTSecret      string   `name:"jwt-secret" env:"PATHSYNC_JWT_SECRET" placeholder:"SECRET" help:"Verify tokens with this secret, of at least 32 bytes (HS256, HS384, HS512). The environment is the better place for it."`
	JWTKey         string   `name:"jwt-key" env:"PATHSYNC_JWT_KEY" placeholder:"FILE" help:"Verify tokens with the public key in this PEM file (RSA, ECDSA, Ed25519)."`
	JWKSURL        string   `name:"jwks-url" env:"PATHSYNC_JWKS_URL" placeholder:"URL" help:"Verify tokens with the keys that their issuer publishes here."`
	JWTIssuer      string   `name:"jwt-issuer" env:"PATHSYNC_JWT_ISSUER" placeholder:"ISS" help:"Take only tokens of this issuer."`
	JWTAudience    string   `name:"jwt-audience" env:"PATHSYNC_JWT_AUDIENCE" placeholder:"AUD" help:"Take only tokens for this audience."`
	AuthorizeURL   string   `name:"authorize-url" env:"PATHSYNC_AUTHORIZE_URL" placeholder:"URL" help:"Ask here what a token is worth and what its user may do."`
	PublicRooms    []string `name:"public-rooms" env:"PATHSYNC_PUBLIC_ROOMS" placeholder:"PATTERN" help:"Let everybody read the documents and batches of these rooms without a token, and caches share them; * stands for any run of characters; may be repeated. Their streams and who is present still need a token."`
	InsecureNoAuth bool     `name:"insecure-no-auth" env:"PATHSYNC_INSECURE_NO_AUTH" help:"Let everybody who can reach the server do everything, also from the network."`

	InitialStateURL string `name:"initial-state-url" env:"PATHSYNC_INITIAL_STATE_URL" placeholder:"URL" help:"Ask here what a room begins with that has no history."`

	ServerBatchMs     int `name:"server-batch-ms" env:"PATHSYNC_SERVER_BATCH_MS" default:"1500" placeholder:"MS" validate:"min=1,max=3600000" help:"Write changed documents to the database this often, large ones less often (${default}). The log is always written at once."`
	CommitWindowMs    int `name:"commit-window-ms" env:"PATHSYNC_COMMIT_WINDOW_MS" default:"0" placeholder:"MS" validate:"min=0,max=1000" help:"Gather batches so long before each transaction: fewer of them, later answers (${default})."`
	PresenceTimeoutMs int `name:"presence-timeout-ms" env:"PATHSYNC_PRESENCE_TIMEOUT_MS" default:"15000" placeholder:"MS" validate:"min=100,max=86400000" help:"How long a client without a stream stays present (${default})."`
	HeartbeatMs       int `name:"heartbeat-ms" env:"PATHSYNC_HEARTBEAT_MS" default:"15000" placeholder:"MS" validate:"min=100,max=3600000" help:"Send a comment after so much silence on a stream (${default})."`
	RoomIdleMs        int `name:"room-idle-ms" env:"PATHSYNC_ROOM_IDLE_MS" default:"60000" placeholder:"MS" validate:"min=1,max=86400000" help:"Drop a room from memory after so long without use (${default})."`

	MaxBodyBytes     int   `name:"max-body-bytes" env:"PATHSYNC_MAX_BODY_BYTES" default:"1048576" placeholder:"N" validate:"min=1024,max=1073741824" help:"Largest request body (${default})."`
	MaxOps           int   `name:"max-ops" env:"PATHSYNC_MAX_OPS" default:"1000" placeholder:"N" validate:"min=1,max=1000000" help:"Most operations in a batch (${default})."`
	MaxDepth         int   `name:"max-depth" env:"PATHSYNC_MAX_DEPTH" default:"64" placeholder:"N" validate:"min=1,max=64" help:"Deepest nesting of a value (${default})."`
	MaxDocumentBytes int   `name:"max-document-bytes" env:"PATHSYNC_MAX_DOCUMENT_BYTES" default:"8388608" placeholder:"N" validate:"min=1024,max=1073741824" help:"Largest document (${default})."`
	MaxDocuments     int   `name:"max-documents" env:"PATHSYNC_MAX_DOCUMENTS" default:"10000" placeholder:"N" validate:"min=1" help:"Most documents in a room (${default})."`
	MaxRooms         int   `name:"max-rooms" env:"PATHSYNC_MAX_ROOMS" default:"100000" placeholder:"N" validate:"min=1" help:"Most rooms in memory (${default})."`
	MemoryBudget     int64 `name:"memory-budget" env:"PATHSYNC_MEMORY_BUDGET" default:"2147483648" placeholder:"N" validate:"min=0" help:"Bytes that the process may take, by estimate, before unused ones are closed early and no other is opened; 0 for no limit (${default})."`
	FeedBytes        int   `name:"feed-bytes" env:"PATHSYNC_FEED_BYTES" default:"4194304" placeholder:"N" validate:"min=4096,max=1073741824" help:"Events kept in memory per room, for streams that resume or lag (${default})."`

	LogRetention        time.Duration `name:"log-retention" env:"PATHSYNC_LOG_RETENTION" default:"0" placeholder:"DURATION" validate:"min=0" help:"Drop what is older than this from the change log, such as 720h; 0 keeps it (${default})."`
	LogRetentionBatches int64         `name:"log-retention-batches" env:"PATHSYNC_LOG_RETENTION_BATCHES" default:"0" placeholder:"N" validate:"min=0" help:"Keep only the last N batches of each room in the change log; 0 keeps all (${default})."`

	TLSCert    string   `name:"tls-cert" env:"PATHSYNC_TLS_CERT" placeholder:"FILE" help:"Serve HTTPS with this certificate and those that it is signed by, in PEM. It is read anew when it is replaced."`
	TLSKey     string   `name:"tls-key" env:"PATHSYNC_TLS_KEY" placeholder:"FILE" help:"The certificate's key, in PEM."`
	ACMEDomain []string `name:"acme-domain" env:"PATHSYNC_ACME_DOMAIN" placeholder:"NAME" help:"Serve HTTPS with a certificate for this name that is got and renewed automatically; may be repeated. It accepts the terms of --acme-server, which has to reach this server on port 443 of the name."`
	ACMECache  string   `name:"acme-cache" env:"PATHSYNC_ACME_CACHE" default:"pathsync-acme" placeholder:"DIRECTORY" validate:"required" help:"Where such certificates and their keys are kept (${default})."`
	ACMEServer string   `name:"acme-server" env:"PATHSYNC_ACME_SERVER" default:"https://acme-v02.api.letsencrypt.org/directory" placeholder:"URL" validate:"url" help:"Who is asked for them (${default})."`
	H2C        bool     `name:"h2c" env:"PATHSYNC_H2C" help:"Take HTTP/2 without TLS too, from a proxy that speaks it."`

	AllowOrigin []string `name:"allow-origin" env:"PATHSYNC_ALLOW_ORIGIN" placeholder:"ORIGIN" help:"Let pages of another origin use the API, such as https://app.example.com; may be repeated. * lets in every page, without cookies."`

	TrustedProxies  []string `name:"trusted-proxies" env:"PATHSYNC_TRUSTED_PROXIES" placeholder:"CIDR" help:"Proxies whose X-Forwarded-For is believed, as addresses or networks such as 10.0.0.0/8; may be repeated."`
	AddressBatches  float64  `name:"address-batches" env:"PATHSYNC_ADDRESS_BATCHES" default:"1000" placeholder:"N" validate:"min=0,max=1000000000" help:"Most batches a second from one client address; 0 for no limit (${default})."`
	AddressRequests float64  `name:"address-requests" env:"PATHSYNC_ADDRESS_REQUESTS" default:"1000" placeholder:"N" validate:"min=0,max=1000000000" help:"Most other requests a second from one client address; 0 for no limit (${default})."`
	AddressStreams  int      `name:"address-streams" env:"PATHSYNC_ADDRESS_STREAMS" default:"10000" placeholder:"N" validate:"min=0" help:"Most streams open from one client address; 0 for no limit (${default})."`
	AddressRooms    int      `name:"address-rooms" env:"PATHSYNC_ADDRESS_ROOMS" default:"10000" placeholder:"N" validate:"min=0" help:"Most rooms open because one client address was the first to ask for them; 0 for no limit (${default})."`
	UserBatches     float64  `name:"user-batches" env:"PATHSYNC_USER_BATCHES" default:"200" placeholder:"N" validate:"min=0,max=1000000000" help:"Most batches a second from one user, with --auth; 0 for no limit (${default})."`
	UserRequests    float64  `name:"user-requests" env:"PATHSYNC_USER_REQUESTS" default:"200" placeholder:"N" validate:"min=0,max=1000000000" help:"Most other requests a second from one user; 0 for no limit (${default})."`
	UserStreams     int      `name:"user-streams" env:"PATHSYNC_USER_STREAMS" default:"200" placeholder:"N" validate:"min=0" help:"Most streams open of one user; 0 for no limit (${default})."`
	UserRooms       int      `name:"user-rooms" env:"PATHSYNC_USER_ROOMS" default:"1000" placeholder:"N" validate:"min=0" help:"Most rooms open because one user was the first to ask for them; 0 for no limit (${default})."`
	ClientBatches   float64  `name:"client-batches" env:"PATHSYNC_CLIENT_BATCHES" default:"100" placeholder:"N" validate:"min=0,max=1000000000" help:"Most batches a second from one clientId to one room; 0 for no limit (${default})."`

	CompressStreams bool `name:"compress-streams" env:"PATHSYNC_COMPRESS_STREAMS" default:"false" negatable:"" help:"Compress the documents that streams begin with, for readers that accept zstd or gzip."`

	DrainSpread time.Duration `name:"drain-spread" env:"PATHSYNC_DRAIN_SPREAD" default:"3s" placeholder:"DURATION" validate:"min=1ms,max=1m" help:"On SIGTERM, ask streams to come back within this, each at its own time (${default})."`

	AccessLog bool   `name:"access-log" env:"PATHSYNC_ACCESS_LOG" default:"false" negatable:"" help:"Log each request, and each stream when it ends."`
	LogLevel  string `name:"log-level" env:"PATHSYNC_LOG_LEVEL" default:"info" placeholder:"LEVEL" validate:"oneof=debug info warn error" help:"debug, info, warn or error (${default})."`
	LogFormat string `name:"log-format" env:"PATHSYNC_LOG_FORMAT" default:"text" placeholder:"FORMAT" validate:"oneof=text json" help:"text or json (${default})."`
}

// Help is shown below the flags.
func (*serveCommand) Help() string {
	return `Each flag has a twin in the environment: --listen is PATHSYNC_LISTEN. SIGTERM ends the server in an orderly way: streams are told to come back, documents are saved, and no accepted change is lost.

Examples:

  pathsync --database sqlite:/var/lib/pathsync/state.db
  PATHSYNC_DATABASE='sqlserver://user:password@host:1433?database=mydb' pathsync
  pathsync --database memory: --listen 127.0.0.1:0 --log-format json`
}

// Validate checks what a type cannot say. The command line calls it before the command runs.
func (c *serveCommand) Validate() error {
	c.tidy()
	check := validator.New(validator.WithRequiredStructEnabled())
	check.RegisterTagNameFunc(func(field reflect.StructField) string { return "--" + field.Tag.Get("name") })
	if err := check.RegisterValidation("address", isAddress); err != nil {
		return fmt.Errorf("preparing the checks: %w", err)
	}
	var wrong validator.ValidationErrors
	if err := check.Struct(c); err != nil && !errors.As(err, &wrong) {
		return err
	}
	errs := make([]error, len(wrong), len(wrong)+4)
	for i, w := range wrong {
		errs[i] = explain(w)
	}
	_, badOrigin := c.origins()
	_, badProxy := c.limits()
	return errors.Join(append(errs, badOrigin, badProxy, c.checkTexts(), c.checkDatabase(), c.checkTLS(), c.validateAuth())...)
}

func explain(w validator.FieldError) error {
	switch w.Tag() {
	case "min":
		return fmt.Errorf("%s must be at least %s", w.Field(), w.Param())
	case "max":
		return fmt.Errorf("%s must be at most %s", w.Field(), w.Param())
	case "oneof":
		return fmt.Errorf("%s must be one of: %s", w.Field(), w.Param())
	case "url":
		return fmt.Errorf("%s must be a URL", w.Field())
	case "address":
		return fmt.Errorf("%s must be an address such as 127.0.0.1:8080", w.Field())
	default:
		return fmt.Errorf("%s must not be empty", w.Field())
	}
}

// isAddress accepts HOST:PORT. Port 0 lets the system choose; no host means every interface.
func isAddress(field validator.FieldLevel) bool {
	_, port, err := net.SplitHostPort(field.Field().String())
	if err != nil {
		return false
	}
	number, err := strconv.Atoi(port)
	return err == nil && number >= 0 && number <= 65535
}
