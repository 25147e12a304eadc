package postgres

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

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// Defaults for what the URL and the environment do not set.
const (
	connectTimeout  = 5 * time.Second
	applicationName = "pathsync"
)

// keepAlive closes a connection whose peer does not respond, also during calls without a deadline.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// parseConfig parses a URL and PostgreSQL's environment variables (PGSSLROOTCERT, PGPASSFILE, …), and sets secure defaults.
// Errors contain no part of the URL.
func parseConfig(dsn string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, unreadableURL(err)
	}
	given := givenParameters(dsn)
	if !given["sslmode"] && !given["ssl"] && os.Getenv("PGSSLMODE") == "" && isRemote(config) {
		given["sslmode"] = true
		if config, err = pgx.ParseConfig(withParameter(dsn, "sslmode", "verify-full")); err != nil {
			return nil, unreadableURL(err)
		}
	}
	if len(hostsOf(config)) > 1 && !given["target_session_attrs"] && os.Getenv("PGTARGETSESSIONATTRS") == "" {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if mode := config.DefaultQueryExecMode; mode == pgx.QueryExecModeExec || mode == pgx.QueryExecModeSimpleProtocol {
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement // the other modes have no types, so they cannot encode an array
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	dialer := net.Dialer{Timeout: config.ConnectTimeout, KeepAliveConfig: keepAlive}
	config.DialFunc = dialer.DialContext
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = applicationName
	}
	return config, nil
}

// unreadableURL replaces the driver's error, which contains the URL. It keeps errors of files that the URL names.
func unreadableURL(err error) error {
	var file *fs.PathError
	if errors.As(err, &file) {
		return fmt.Errorf("postgres: reading a file that the URL names: %w", file)
	}
	return errors.New("postgres: the URL is not valid: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, " +
		"and percent-encode the characters :/?#[]@% in the password")
}

// givenParameters returns the names of a URL's parameters.
func givenParameters(dsn string) map[string]bool {
	given := map[string]bool{}
	_, query, _ := strings.Cut(dsn, "?")
	values, _ := url.ParseQuery(query) // pgx has parsed the URL already
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

// endpoint is one of the alternatives that the driver tries in turn: a host, with or without TLS.
type endpoint = pgconn.FallbackConfig

func endpoints(config *pgx.ConnConfig) []*endpoint {
	return append([]*endpoint{{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}}, config.Fallbacks...)
}

func hostsOf(config *pgx.ConnConfig) map[string]bool {
	hosts := map[string]bool{}
	for _, e := range endpoints(config) {
		hosts[net.JoinHostPort(e.Host, fmt.Sprint(e.Port))] = true
	}
	return hosts
}

func isRemote(config *pgx.ConnConfig) bool {
	for _, e := range endpoints(config) {
		if !dialect.IsLocal(e.Host) {
			return true
		}
	}
	return false
}

// riskOf describes how the connection could be read or intercepted; "" if it is secure.
func riskOf(config *pgx.ConnConfig) (risk string) {
	for _, e := range endpoints(config) {
		switch {
		case dialect.IsLocal(e.Host):
		case e.TLSConfig == nil:
			return "it may be unencrypted"
		case e.TLSConfig.InsecureSkipVerify && e.TLSConfig.VerifyPeerCertificate == nil:
			risk = "the server's certificate is not verified"
		}
	}
	return risk
}
