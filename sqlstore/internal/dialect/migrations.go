package dialect

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// ReadMigrations returns the migrations of a file system, in order. Each file is named NNNN_what_it_does.sql after the
// version that it leads to. A released file never changes.
func ReadMigrations(files fs.FS) ([]string, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("listing migrations: %w", err)
	}
	migrations := make([]string, len(names))
	for i, name := range names { // sorted by Glob
		if number := fmt.Sprintf("%04d_", i+1); !strings.HasPrefix(path.Base(name), number) {
			return nil, fmt.Errorf("listing migrations: %s should start with %s", name, number)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("reading migrations: %w", err)
		}
		migrations[i] = string(text)
	}
	return migrations, nil
}

var endOfBatch = regexp.MustCompile(`(?m)^GO\s*$`)

// Batches splits a migration or a script at its lines GO, as Microsoft's tools do. Each part is sent on its own.
func Batches(script string) []string { return endOfBatch.Split(script, -1) }
