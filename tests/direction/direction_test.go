// Package direction checks that the packages import each other only in the direction of the design.
package direction

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pathsync/pathsync"

// allowed lists what each package may import: packages of this module, and libraries. Other imports fail the test.
var allowed = map[string][]string{
	"core/path":                   {},
	"core/tree":                   {"core/path"},
	"core/retained":               {},
	"core/presence":               {},
	"core":                        {"core/tree", "core/path", "core/presence", "core/retained"},
	"access":                      {"core/path", "core/tree"},
	"core/memstore":               {"core", "core/tree"},
	"core/storetest":              {"core", "core/tree"},
	"pace":                        {},
	"sse":                         {"pace", "github.com/klauspost/compress/zstd"},
	"sqlstore":                    {"core", "sqlstore/takeover", "sqlstore/internal/dialect", "sqlstore/internal/sqlite", "sqlstore/internal/postgres", "sqlstore/internal/sqlserver", "github.com/Masterminds/squirrel"},
	"sqlstore/takeover":           {"core", "core/path", "core/tree"},
	"sqlstore/dbtest":             {"core", "core/tree", "github.com/jackc/pgx/v5/stdlib", "github.com/microsoft/go-mssqldb"}, // for tests alone
	"sqlstore/internal/dialect":   {"core", "core/tree", "github.com/Masterminds/squirrel"},
	"sqlstore/internal/sqlite":    {"core", "core/tree", "sqlstore/internal/dialect", "github.com/Masterminds/squirrel", "modernc.org/sqlite", "modernc.org/sqlite/lib"},
	"sqlstore/internal/postgres":  {"core", "core/tree", "sqlstore/internal/dialect", "github.com/Masterminds/squirrel", "github.com/jackc/pgx/v5", "github.com/jackc/pgx/v5/pgconn", "github.com/jackc/pgx/v5/pgtype", "github.com/jackc/pgx/v5/stdlib"},
	"sqlstore/internal/sqlserver": {"core", "sqlstore/internal/dialect", "github.com/Masterminds/squirrel", "github.com/microsoft/go-mssqldb", "github.com/microsoft/go-mssqldb/azuread", "github.com/microsoft/go-mssqldb/msdsn"},
	"":                            {}, // the contract, embedded
	"httpapi":                     {"", "access", "core", "core/presence", "core/retained", "core/tree", "core/path", "pace", "sse", "github.com/labstack/echo/v4", "github.com/go-playground/validator/v10", "github.com/google/uuid", "github.com/swaggest/swgui/v5emb", "golang.org/x/time/rate"},
	"metrics":                     {"core", "core/tree", "httpapi", "sse", "github.com/prometheus/client_golang/prometheus", "github.com/prometheus/client_golang/prometheus/collectors", "github.com/prometheus/client_golang/prometheus/promhttp"},
	"internal/eventstream":        {},
	"internal/callout":            {"pace"},
	"internal/testkit":            {}, // for tests alone
	"client":                      {"internal/callout", "internal/eventstream", "pace"},
	"doctor":                      {"internal/callout", "internal/eventstream", "pace"},
	"initialstate":                {"core", "core/tree", "internal/callout"},
	"auth":                        {"access", "core", "core/path", "core/tree", "internal/callout", "github.com/golang-jwt/jwt/v5", "github.com/hashicorp/golang-lru/v2", "github.com/MicahParks/jwkset", "golang.org/x/sync/singleflight"},
	"server":                      {"access", "auth", "core", "core/memstore", "httpapi", "initialstate", "metrics", "pace", "sqlstore", "github.com/go-playground/validator/v10", "golang.org/x/crypto/acme", "golang.org/x/crypto/acme/autocert"},
	"cmd/pathsync":                {"", "client", "doctor", "server", "sqlstore", "github.com/alecthomas/kong", "github.com/google/uuid", "github.com/mattn/go-isatty", "golang.org/x/sys/windows/svc"},
}

// neverInCore are packages of the standard library that core must not import.
var neverInCore = []string{"net/http", "database/sql", "net", "os"}

type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

func TestImportsFollowTheDirectionOfTheDesign(t *testing.T) {
	packages := list(t)
	if len(packages) < len(allowed) {
		t.Errorf("%d packages were listed, and %d are in the table", len(packages), len(allowed))
	}
	for _, p := range packages {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if strings.HasPrefix(name, "tests/") {
			continue
		}
		may, ok := allowed[name]
		if !ok {
			t.Errorf("package %q has no row in the table", name)
			continue
		}
		for _, imported := range p.Imports {
			if strings.HasPrefix(name, "core") && slices.Contains(neverInCore, imported) && name != "core/storetest" {
				t.Errorf("%s imports %s", name, imported)
			}
			own := imported == module || strings.HasPrefix(imported, module+"/")
			if own {
				imported = strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
			}
			library := !own && strings.Contains(strings.SplitN(imported, "/", 2)[0], ".")
			if (own || library) && !slices.Contains(may, imported) {
				t.Errorf("%s imports %s", name, imported)
			}
		}
	}
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Standard,Imports", module+"/...").Output()
	if err != nil {
		t.Fatalf("listing the packages: %v", err)
	}
	var packages []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return packages
		} else if err != nil {
			t.Fatalf("reading the list: %v", err)
		}
		packages = append(packages, p)
	}
}
