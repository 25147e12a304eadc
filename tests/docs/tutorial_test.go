package docs

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/pathsync/pathsync/internal/testkit"
	"github.com/pathsync/pathsync/tests/program"
)

// A reader runs the commands of these pages, in the order of the pages, against one server.
var pagesToRun = []string{"README.md", "docs/start/tutorial.md", "docs/build/http.md"}

const defaultServer = "http://127.0.0.1:8080"

// prelude ends streams after a while, and makes commands fail that are refused.
const prelude = `set -eu
curl() { command curl -sS --fail-with-body --max-time 2 "$@" || [ $? = 28 ]; }
`

var (
	runnable  = regexp.MustCompile(`(?m)^(?:curl|pathsync (?:get|set)|go run ./cmd/pathsync (?:get|set)) `)
	waiting   = regexp.MustCompile(`wait=\d+`)
	following = regexp.MustCompile(`(?m)^pathsync tail .*$`)
	shellSQL  = regexp.MustCompile(`(?m)^sqlite3 pathsync\.db "(.*)"$`)
)

func TestCommandsOfThePagesWork(t *testing.T) {
	for _, name := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(name + " is not installed")
		}
	}
	dir := t.TempDir()
	binary, err := program.Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	database := filepath.Join(dir, "pathsync.db")
	address := program.FreeAddress(t)
	server := program.Start(t, dir, nil, binary, "--listen", address, "--database", "sqlite:"+database)
	server.Line(t, server.Stderr, "pathsync is ready")

	commands := 0
	var queries []string
	for _, page := range pagesToRun {
		for _, block := range blocks(t, filepath.Join(root, page), "sh") {
			for _, found := range shellSQL.FindAllStringSubmatch(block.text, -1) {
				queries = append(queries, found[1])
			}
			if !runnable.MatchString(block.text) {
				continue
			}
			commands++
			script := strings.ReplaceAll(block.text, defaultServer, "http://"+address)
			script = strings.ReplaceAll(script, "go run ./cmd/pathsync", "pathsync")
			script = following.ReplaceAllString(waiting.ReplaceAllString(script, "wait=1"), "")
			p := program.Start(t, dir, []string{"PATHSYNC_SERVER=http://" + address, "PATH=" + dir + ":" + os.Getenv("PATH")}, "bash", "-c", prelude+script)
			code := p.Wait(t, 30*time.Second)
			said := p.Stdout.String()
			if code != 0 || said == "" || strings.Contains(said, `"code":`) || strings.Contains(said, `"discarded"`) {
				t.Errorf("%s:%d: exit code %d\n%s\n%s", page, block.line, code, block.text, p.Said())
			}
			if strings.Contains(block.text, "curl -N") && !strings.Contains(said, "event: up-to-date") {
				t.Errorf("%s:%d: the stream is\n%s", page, block.line, said)
			}
		}
	}
	if commands < 8 || len(queries) < 2 {
		t.Errorf("only %d blocks and %d queries were found", commands, len(queries))
	}
	server.Signal(t, os.Interrupt) // writes the documents
	if code := server.Wait(t, 30*time.Second); code != 0 {
		t.Fatalf("exit code %d: %s", code, server.Said())
	}
	db, err := sql.Open("sqlite", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, query := range queries {
		if count(t, db, query) == 0 {
			t.Errorf("the tutorial's query returns nothing: %s", query)
		}
	}
	t.Run("queries", func(t *testing.T) {
		for _, query := range testkit.Queries(t, root+"/docs/run/databases.md", testkit.SQLite) {
			count(t, db, query)
		}
	})
	t.Run("every column is described", func(t *testing.T) { checkColumns(t, db) })
}

// count runs a query and returns how many rows it has.
func count(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Errorf("%s: %v", query, err)
		return 0
	}
	defer rows.Close()
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return n
}

// checkColumns compares the tables of a database with those in docs/run/databases.md.
func checkColumns(t *testing.T, db *sql.DB) {
	rows, err := db.QueryContext(t.Context(), `SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.cid`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns := map[string][]string{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		columns[table] = append(columns[table], column)
	}
	if err := rows.Err(); err != nil || len(columns) < 5 {
		t.Fatalf("%v, %v", columns, err)
	}
	described := map[string][]string{}
	table := ""
	cell := regexp.MustCompile("^\\| `(\\w+)` \\|")
	for _, line := range prose(t, root+"/docs/run/databases.md") {
		if heading, ok := strings.CutPrefix(line, "### "); ok {
			table = strings.TrimSpace(heading)
		} else if strings.HasPrefix(line, "## ") {
			table = ""
		} else if found := cell.FindStringSubmatch(line); found != nil && table != "" {
			described[table] = append(described[table], found[1])
		}
	}
	for name, want := range columns {
		if got := described[name]; !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("docs/run/databases.md describes %s with %v; its columns are %v", name, got, want)
		}
	}
	if len(described) != len(columns) {
		t.Errorf("docs/run/databases.md describes %d tables of %d", len(described), len(columns))
	}
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

func TestTutorialShowsTheExample(t *testing.T) {
	page := read(t, root+"/docs/start/tutorial.md")
	for _, name := range []string{"index.html", "vite.config.js", "main.js", "tasks.js", "App.vue"} {
		text := read(t, root+"/js-client/examples/vue/"+name)
		if !strings.Contains(page, "\n```"+strings.TrimPrefix(filepath.Ext(name), ".")+"\n"+text+"```\n") {
			t.Errorf("the tutorial does not show js-client/examples/vue/%s", name)
		}
	}
}
