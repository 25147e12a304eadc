package sqlstore

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What is set where the URL and the environment say nothing.
const (
	postgresConnectTimeout = 5 * time.Second
	postgresApplication    = "pathsync"
)

// A connection on which nothing comes back for so long is given up, also by calls without a limit.
var postgresKeepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// postgresConfig reads a URL, with PostgreSQL's own environment variables (PGSSLROOTCERT, PGPASSFILE, …) for what it leaves
// out, and sets safe defaults. Errors show nothing of the URL.
func postgresConfig(dsn string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, unreadablePostgresURL(err)
	}
	given := givenParameters(dsn)
	if !given["sslmode"] && !given["ssl"] && os.Getenv("PGSSLMODE") == "" && postgresIsRemote(config) {
		given["sslmode"] = true
		if config, err = pgx.ParseConfig(withParameter(dsn, "sslmode", "verify-full")); err != nil {
			return nil, unreadablePostgresURL(err)
		}
	}
	if len(postgresHosts(config)) > 1 && !given["target_session_attrs"] && os.Getenv("PGTARGETSESSIONATTRS") == "" {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if mode := config.DefaultQueryExecMode; mode == pgx.QueryExecModeExec || mode == pgx.QueryExecModeSimpleProtocol {
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement // the others know no types to encode a postgresArray for
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = postgresConnectTimeout
	}
	dialer := net.Dialer{Timeout: config.ConnectTimeout, KeepAliveConfig: postgresKeepAlive}
	config.DialFunc = dialer.DialContext
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = postgresApplication
	}
	return config, nil
}

// unreadablePostgresURL passes on nothing of the driver's error, which has the URL in it, but the trouble with a file.
func unreadablePostgresURL(err error) error {
	var file *fs.PathError
	if errors.As(err, &file) {
		return fmt.Errorf("postgres: reading what its URL refers to: %w", file)
	}
	return errors.New("postgres: the URL cannot be understood: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, " +
		"with %-escapes in the password where it has one of :/?#[]@%")
}

// givenParameters are the names of the parameters that a URL has.
func givenParameters(dsn string) map[string]bool {
	given := map[string]bool{}
	_, query, _ := strings.Cut(dsn, "?")
	values, _ := url.ParseQuery(query) // pgx has parsed it already
	for name := range values {
		given[name] = true
	}
	return given
}

func withParameter(dsn, name, value string) string {
	separator := "?"
	if strings.Contains(dsn, "?") {
		separator = "&"
	}
	return dsn + separator + name + "=" + url.QueryEscape(value)
}

// postgresWay is one of the ways that the driver tries in turn: a host, with or without TLS.
type postgresWay = pgconn.FallbackConfig

func postgresWays(config *pgx.ConnConfig) []*postgresWay {
	return append([]*postgresWay{{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}}, config.Fallbacks...)
}

func postgresHosts(config *pgx.ConnConfig) map[string]bool {
	hosts := map[string]bool{}
	for _, way := range postgresWays(config) {
		hosts[net.JoinHostPort(way.Host, fmt.Sprint(way.Port))] = true
	}
	return hosts
}

func postgresIsRemote(config *pgx.ConnConfig) bool {
	for _, way := range postgresWays(config) {
		if !isLocal(way.Host) {
			return true
		}
	}
	return false
}

// isLocal reports whether what is sent to a host stays on this machine.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || ip != nil && ip.IsLoopback()
}

// postgresRisk says what others on the network could do, and is empty when they can do nothing.
func postgresRisk(config *pgx.ConnConfig) (risk string) {
	for _, way := range postgresWays(config) {
		switch {
		case isLocal(way.Host):
		case way.TLSConfig == nil:
			return "it need not be encrypted"
		case way.TLSConfig.InsecureSkipVerify && way.TLSConfig.VerifyPeerCertificate == nil:
			risk = "the server's certificate is not checked"
		}
	}
	return risk
}
