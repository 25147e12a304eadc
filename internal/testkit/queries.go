package testkit

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The dialects of Queries.
const (
	SQLite = iota
	PostgreSQL
	SQLServer
)

var (
	sqlBlock     = regexp.MustCompile("(?ms)^```sql\n(.*?)^```")
	replacements = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`]+)` \\| `([^`]+)` \\|$")
)

// Queries returns the statements of docs/run/databases.md, which are in the dialect of SQLite, with the replacements that its table has for
// a dialect.
func Queries(t testing.TB, page string, dialect int) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	rows := replacements.FindAllStringSubmatch(string(text), -1)
	pairs := make([]string, 0, 2*len(rows))
	for _, row := range rows {
		pairs = append(pairs, row[1], row[1+dialect])
	}
	var queries []string
	for _, block := range sqlBlock.FindAllStringSubmatch(string(text), -1) {
		if !strings.HasPrefix(block[1], "-- SQL Server") {
			statements := strings.TrimSuffix(strings.NewReplacer(pairs...).Replace(block[1]), ";\n")
			queries = append(queries, strings.Split(statements, ";\n")...)
		}
	}
	if len(queries) < 6 || len(pairs) < 10 {
		t.Fatalf("%s has only %d queries and %d replacements", page, len(queries), len(pairs)/2)
	}
	return queries
}
