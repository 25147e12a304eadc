// Package direction checks that packages import each other, and files import libraries, only in the direction of the design.
package direction

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
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
	"core/packed":                 {},
	"core":                        {"core/tree", "core/packed", "core/path", "core/presence", "core/retained"},
	"access":                      {"core/path", "core/tree"},
	"core/memstore":               {"core", "core/tree"},
	"core/storetest":              {"core", "core/tree"},
	"core/bustest":                {"core"}, // for tests alone
	"bus":                         {"core", "github.com/nats-io/nats-server/v2/server", "github.com/nats-io/nats.go"},
	"pace":                        {},
	"sse":                         {"pace", "sse/coding", "golang.org/x/sys/unix"},
	"sse/coding":                  {"github.com/klauspost/compress/zstd"},
	"sqlstore":                    {"core", "sqlstore/takeover", "sqlstore/internal/dialect", "sqlstore/internal/logtail", "sqlstore/internal/sqlite", "sqlstore/internal/postgres", "sqlstore/internal/sqlserver", "github.com/Masterminds/squirrel"},
	"sqlstore/takeover":           {"core", "core/path", "core/tree"},
	"sqlstore/dbtest":             {"core", "core/tree", "github.com/jackc/pgx/v5/stdlib", "github.com/microsoft/go-mssqldb"}, // for tests alone
	"sqlstore/internal/logtail":   {},
	"sqlstore/internal/dialect":   {"core", "core/tree", "sqlstore/internal/logtail", "github.com/Masterminds/squirrel"},
	"sqlstore/internal/sqlite":    {"core", "core/tree", "sqlstore/internal/dialect", "sqlstore/internal/logtail", "github.com/Masterminds/squirrel", "modernc.org/libc", "modernc.org/sqlite", "modernc.org/sqlite/lib"},
	"sqlstore/internal/postgres":  {"core", "core/tree", "sqlstore/internal/dialect", "sqlstore/internal/logtail", "github.com/Masterminds/squirrel", "github.com/jackc/pgx/v5", "github.com/jackc/pgx/v5/pgconn", "github.com/jackc/pgx/v5/pgtype", "github.com/jackc/pgx/v5/stdlib"},
	"sqlstore/internal/sqlserver": {"core", "sqlstore/internal/dialect", "sqlstore/internal/logtail", "github.com/Masterminds/squirrel", "github.com/microsoft/go-mssqldb", "github.com/microsoft/go-mssqldb/azuread", "github.com/microsoft/go-mssqldb/msdsn"},
	"":                            {}, // the contract and the documentation, embedded
	"internal/asset":              {}, // files of pages
	"guide":                       {"internal/asset", "github.com/yuin/goldmark", "github.com/yuin/goldmark/ast", "github.com/yuin/goldmark/extension", "github.com/yuin/goldmark/text"},
	"httpapi/problem":             {"access", "core"},
	"httpapi/token":               {"httpapi/problem"},
	"httpapi/ticket":              {"access"},
	"httpapi/origin":              {"httpapi/problem", "httpapi/token"},
	"httpapi/wire":                {"core", "core/presence", "core/tree", "core/path", "httpapi/problem", "github.com/google/uuid"},
	"httpapi/limit":               {"core", "httpapi/problem", "golang.org/x/time/rate"},
	"httpapi/budget":              {"core", "core/retained"},
	"httpapi/feed":                {"access", "core", "core/presence", "core/retained", "httpapi/problem", "httpapi/wire", "sse"},
	"httpapi/apidocs":             {"guide", "internal/asset", "go.yaml.in/yaml/v3"},
	"httpapi":                     {"", "access", "core", "core/packed", "core/tree", "guide", "httpapi/apidocs", "httpapi/budget", "httpapi/feed", "httpapi/limit", "httpapi/origin", "httpapi/problem", "httpapi/ticket", "httpapi/token", "httpapi/wire", "internal/asset", "pace", "sse", "sse/coding", "github.com/labstack/echo/v4", "github.com/google/uuid"},
	"metrics":                     {"core", "core/tree", "httpapi", "httpapi/feed", "httpapi/problem", "sse", "github.com/prometheus/client_golang/prometheus", "github.com/prometheus/client_golang/prometheus/collectors", "github.com/prometheus/client_golang/prometheus/promhttp"},
	"internal/eventstream":        {},
	"internal/callout":            {"pace"},
	"internal/testkit":            {}, // for tests alone
	"client":                      {"internal/callout", "internal/eventstream", "pace"},
	"doctor":                      {"internal/callout", "internal/eventstream", "pace"},
	"initialstate":                {"core", "core/tree", "internal/callout"},
	"auth":                        {"access", "core", "core/path", "core/tree", "internal/callout", "github.com/golang-jwt/jwt/v5", "github.com/hashicorp/golang-lru/v2", "github.com/MicahParks/jwkset", "golang.org/x/sync/singleflight"},
	"server":                      {"", "access", "auth", "bus", "core", "core/memstore", "httpapi", "httpapi/feed", "httpapi/limit", "httpapi/origin", "initialstate", "metrics", "pace", "sqlstore", "github.com/go-playground/validator/v10", "golang.org/x/crypto/acme", "golang.org/x/crypto/acme/autocert"},
	"internal/load":               {},
	"cmd/pathsync":                {"", "access", "auth", "client", "core", "core/path", "core/tree", "internal/load", "doctor", "server", "sqlstore", "github.com/alecthomas/kong", "github.com/google/uuid", "github.com/mattn/go-isatty", "golang.org/x/sys/windows/svc"},
}

// neverInCore are packages of the standard library that core must not import.
var neverInCore = []string{"net/http", "database/sql", "net", "os"}

// onlyIn lists libraries that a single file of httpapi imports, so that replacing one changes one file.
var onlyIn = map[string]string{
	"github.com/labstack/echo/v4": "httpapi/router.go",
	"golang.org/x/time/rate":      "httpapi/limit/rate.go",
}

type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Standard   bool
	Imports    []string
}

func (p pkg) name() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

func TestImportsFollowTheDirectionOfTheDesign(t *testing.T) {
	packages := list(t)
	if len(packages) < len(allowed) {
		t.Errorf("%d packages were listed, and %d are in the table", len(packages), len(allowed))
	}
	for _, p := range packages {
		name := p.name()
		if strings.HasPrefix(name, "tests/") || strings.HasPrefix(name, "examples/") {
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

func TestLibraryIsKnownToOneFile(t *testing.T) {
	used := map[string]bool{}
	for _, p := range list(t) {
		for _, file := range p.GoFiles {
			for _, imported := range importsOf(t, filepath.Join(p.Dir, file)) {
				name := path.Join(p.name(), file)
				if only, ok := onlyIn[imported]; ok && strings.HasPrefix(name, "httpapi/") {
					used[imported] = true
					if name != only {
						t.Errorf("%s imports %s, which only %s may import", name, imported, only)
					}
				}
			}
		}
	}
	for library, file := range onlyIn {
		if !used[library] {
			t.Errorf("%s does not import %s", file, library)
		}
	}
}

func importsOf(t *testing.T, file string) (imports []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		imports = append(imports, imported)
	}
	return imports
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Standard,Imports", module+"/...").Output()
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
