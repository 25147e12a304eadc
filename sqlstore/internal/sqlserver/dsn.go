package sqlserver

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/azuread"
	"github.com/microsoft/go-mssqldb/msdsn"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// target is a parsed DSN.
type target struct {
	driver    msdsn.Config
	connector *mssql.Connector // supports SQL Server logins and Entra ID
	schema    string
	risk      string // how the connection could be read or intercepted; "" if it is secure
}

var errDSN = errors.New("sqlserver: the URL is not of the form sqlserver://user:password@host?database=NAME")

// identifier matches names that need no escaping, neither in brackets nor in a string.
var identifier = regexp.MustCompile(`^[\p{L}_][\p{L}\p{Nd}_]{0,127}$`)

// parseDSN parses a DSN. Its parameters are those of the driver, and `schema`. Unlike the driver's defaults, ours encrypt the
// connection and verify the certificate. Errors contain no part of the DSN.
func parseDSN(dsn string) (t target, err error) {
	u, err := url.Parse(withInstanceAsPath(dsn))
	if err != nil || u.Host == "" {
		return t, errDSN
	}
	given, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return t, errDSN
	}
	parameters := url.Values{}
	for name, values := range given { // the driver ignores case
		parameters[strings.ToLower(name)] = append(parameters[strings.ToLower(name)], values...)
	}
	t.schema = "dbo"
	if parameters.Has("schema") {
		t.schema = parameters.Get("schema")
		parameters.Del("schema")
	}
	if !identifier.MatchString(t.schema) {
		return t, errors.New("sqlserver: the schema must be letters, digits and underscores, and not begin with a digit")
	}
	if parameters.Get("database") == "" { // otherwise the tables would be in the login's default database
		return t, errors.New("sqlserver: the URL needs the name of a database, as in sqlserver://user:password@host?database=NAME")
	}
	for name, value := range map[string]string{"encrypt": "true", "app name": "pathsync"} {
		if !parameters.Has(name) {
			parameters.Set(name, value)
		}
	}
	u.RawQuery = parameters.Encode()
	if t.driver, err = msdsn.Parse(u.String()); err != nil {
		return t, fmt.Errorf("sqlserver: the driver rejects a parameter of the URL (%s)", whichParameter(err))
	}
	if t.connector, err = azuread.NewConnector(u.String()); err != nil {
		return t, errors.New("sqlserver: parameters for the login with Entra ID are missing or wrong: check fedauth and its parameters")
	}
	t.risk = riskOf(&t.driver)
	return t, nil
}

// withInstanceAsPath converts `host\instance`, as Windows writes it, to the URL form `host/instance`.
func withInstanceAsPath(dsn string) string {
	address, query, _ := strings.Cut(dsn, "?")
	at := strings.LastIndex(address, "@") + 1
	return address[:at] + strings.Replace(address[at:], `\`, "/", 1) + "?" + query
}

// whichParameter returns the part of the driver's error before the first value.
func whichParameter(err error) string {
	what, _, _ := strings.Cut(err.Error(), "'")
	return strings.TrimSpace(what)
}

// riskOf describes how the connection could be read or intercepted; "" if it is secure.
func riskOf(c *msdsn.Config) string {
	switch {
	case dialect.IsLocal(c.Host):
	case c.Encryption == msdsn.EncryptionDisabled || c.Encryption == msdsn.EncryptionOff:
		return "it is not encrypted; remove encrypt from the URL, or set encrypt=true"
	case c.TrustServerCertificate:
		return "the server's certificate is not verified; remove TrustServerCertificate from the URL, " +
			"and name a private authority in certificate=FILE"
	}
	return ""
}
