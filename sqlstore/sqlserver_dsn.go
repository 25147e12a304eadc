package sqlstore

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/azuread"
	"github.com/microsoft/go-mssqldb/msdsn"
)

// sqlServerTarget is what a DSN says.
type sqlServerTarget struct {
	driver    msdsn.Config
	connector *mssql.Connector // by the driver's own logins, and those of Entra ID
	schema    string
	risk      string // what others on the network could do; "" if nothing
}

var errSQLServerDSN = errors.New("sqlserver: the URL is not of the form sqlserver://user:password@host?database=NAME")

// An ordinary identifier needs no escaping, neither between brackets nor in a string.
var sqlServerIdentifier = regexp.MustCompile(`^[\p{L}_][\p{L}\p{Nd}_]{0,127}$`)

// parseSQLServerDSN reads a DSN. Its parameters are the driver's, but for `schema`, which is ours, and with the defaults
// that the driver should have: an encrypted connection, and a certificate that is checked. No error repeats any of it.
func parseSQLServerDSN(dsn string) (t sqlServerTarget, err error) {
	u, err := url.Parse(withInstanceAsPath(dsn))
	if err != nil || u.Host == "" {
		return t, errSQLServerDSN
	}
	given, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return t, errSQLServerDSN
	}
	parameters := url.Values{}
	for name, values := range given { // the driver does not tell upper case from lower
		parameters[strings.ToLower(name)] = append(parameters[strings.ToLower(name)], values...)
	}
	t.schema = "dbo"
	if parameters.Has("schema") {
		t.schema = parameters.Get("schema")
		parameters.Del("schema")
	}
	if !sqlServerIdentifier.MatchString(t.schema) {
		return t, errors.New("sqlserver: the schema must be letters, digits and underscores, and not begin with a digit")
	}
	if parameters.Get("database") == "" { // or the tables would end up in whichever is the login's default
		return t, errors.New("sqlserver: the URL needs the name of a database, as in sqlserver://user:password@host?database=NAME")
	}
	for name, value := range map[string]string{"encrypt": "true", "app name": "pathsync"} {
		if !parameters.Has(name) {
			parameters.Set(name, value)
		}
	}
	u.RawQuery = parameters.Encode()
	if t.driver, err = msdsn.Parse(u.String()); err != nil {
		return t, fmt.Errorf("sqlserver: the driver does not understand the URL: look at its parameters (%s)", whichParameter(err))
	}
	if t.connector, err = azuread.NewConnector(u.String()); err != nil {
		return t, errors.New("sqlserver: the parameters of the login by Entra ID are not complete: look at fedauth and what belongs to it")
	}
	t.risk = sqlServerRisk(&t.driver)
	return t, nil
}

// withInstanceAsPath lets the host be written as Windows does, `host\instance`; in a URL that is `host/instance`.
func withInstanceAsPath(dsn string) string {
	address, query, _ := strings.Cut(dsn, "?")
	at := strings.LastIndex(address, "@") + 1
	return address[:at] + strings.Replace(address[at:], `\`, "/", 1) + "?" + query
}

// whichParameter is as much of the driver's complaint as has no value in it.
func whichParameter(err error) string {
	what, _, _ := strings.Cut(err.Error(), "'")
	return strings.TrimSpace(what)
}

// sqlServerRisk says what others on the network could do, and is empty when they can do nothing.
func sqlServerRisk(c *msdsn.Config) string {
	switch {
	case isLocal(c.Host):
	case c.Encryption == msdsn.EncryptionDisabled || c.Encryption == msdsn.EncryptionOff:
		return "it is not encrypted; encrypt=true in its URL, or leaving it out, makes it so"
	case c.TrustServerCertificate:
		return "the server's certificate is not checked; leaving TrustServerCertificate out of its URL has it checked, " +
			"and certificate=FILE names one that is not publicly known"
	}
	return ""
}
