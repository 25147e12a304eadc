package sqlite

import (
	"errors"
	"regexp"
	"strings"
)

var percentEscape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// CheckName returns an error if the part of a DSN after `sqlite:` is not a plain file name. It rejects forms that other
// programs interpret differently, because they would create a database in an unexpected place.
func CheckName(file string) error {
	switch {
	case file == "" || strings.HasPrefix(file, ":"): // each connection would have its own ":memory:"
		return errors.New("sqlite: the file name is missing: write it as in sqlite:pathsync.db")
	case strings.HasPrefix(file, "//"):
		name := strings.TrimLeft(file, "/")
		return errors.New("sqlite: no slashes precede the file name: write sqlite:" + name +
			" for a file in the working directory, or sqlite:/" + name)
	case strings.HasPrefix(file, "file:"):
		return errors.New("sqlite: the prefix file: is not supported: write sqlite:pathsync.db")
	case strings.HasPrefix(file, "~"):
		return errors.New("sqlite: ~ is not expanded: write the full path, as in sqlite:/home/ann/pathsync.db")
	case strings.ContainsFunc(file, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufeff' }):
		return errors.New("sqlite: the file name contains a line end or another control character: remove it")
	case strings.TrimSpace(file) != file, strings.ContainsAny(file[:1]+file[len(file)-1:], `"'`):
		return errors.New("sqlite: the file name begins or ends with blanks or quotes: remove them")
	case strings.Contains(file, "?"):
		return errors.New("sqlite: parameters are not supported: remove ? and everything after it")
	case percentEscape.MatchString(file):
		return errors.New("sqlite: the file name is not percent-decoded: write it without escapes")
	case strings.HasSuffix(file, "/"):
		return errors.New("sqlite: the name is a directory: add a file name, as in sqlite:" + file + "pathsync.db")
	}
	return nil
}
