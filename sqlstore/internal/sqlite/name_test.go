package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/sqlstore"
)

func TestAmbiguousFileNameIsRejected(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, says := range map[string]string{
		"":                     "sqlite:pathsync.db",
		":memory:":             "the file name is missing",
		"//data.db":            "write sqlite:data.db for a file in the working directory, or sqlite:/data.db",
		"///data.db":           "write sqlite:data.db for a file in the working directory, or sqlite:/data.db",
		"///var/lib/x.db":      "or sqlite:/var/lib/x.db",
		"////var/lib/x.db":     "or sqlite:/var/lib/x.db",
		"file:data.db":         "the prefix file: is not supported",
		"~/data.db":            "~ is not expanded",
		"data.db\n":            "line end",
		"data.db\r\n":          "line end",
		"\ufeffdata.db":        "control character",
		"data.db" + " ":        "blanks or quotes",
		`"data.db"`:            "blanks or quotes",
		"data.db?cache=shared": "parameters are not supported",
		"data.db?_pragma=x":    "parameters are not supported",
		"my%20data.db":         "not percent-decoded",
		dir + "/":              "the name is a directory",
	} {
		if s, err := sqlstore.Open(t.Context(), "sqlite:"+name); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", name, err, says)
			if s != nil {
				s.Close()
			}
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("they have made %v, %v", files, err)
	}
	for _, name := range []string{"data.db", filepath.Join(dir, "other.db"), "./my data.db", "100%.db", "ü#&=.db"} {
		s, err := sqlstore.Open(t.Context(), "sqlite:"+name)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		s.Close()
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}
