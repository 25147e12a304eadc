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
		return errors.New("sqlite: needs the name of a file, as in sqlite:pathsync.db")
	case strings.HasPrefix(file, "//"):
		name := strings.TrimLeft(file, "/")
		return errors.New("sqlite: no slashes come before the name of the file: write sqlite:" + name +
			" for a file in the working directory, or sqlite:/" + name)
	case strings.HasPrefix(file, "file:"):
		return errors.New("sqlite: the name of the file comes without file:, as in sqlite:pathsync.db")
	case strings.HasPrefix(file, "~"):
		return errors.New("sqlite: ~ is not expanded: write the whole path, as in sqlite:/home/ann/pathsync.db")
	case strings.ContainsFunc(file, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufeff' }):
		return errors.New("sqlite: the name of the file has a line end or another control character: write it without")
	case strings.TrimSpace(file) != file, strings.ContainsAny(file[:1]+file[len(file)-1:], `"'`):
		return errors.New("sqlite: the name of the file has blanks or quotes around it: write it without")
	case strings.Contains(file, "?"):
		return errors.New("sqlite: the name of the file takes no parameters: write it without ? and what follows")
	case percentEscape.MatchString(file):
		return errors.New("sqlite: the name of the file is not percent-decoded: write it as it is")
	case strings.HasSuffix(file, "/"):
		return errors.New("sqlite: this is a directory: write the name of a file in it, as in sqlite:" + file + "pathsync.db")
	}
	return nil
}
