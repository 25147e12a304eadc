package path

import (
	"errors"
	"fmt"
)

// Errors of Parse, as Err of an [*Error].
var (
	ErrTooLong         = fmt.Errorf("path longer than %d characters", MaxLength)
	ErrTooManySegments = fmt.Errorf("path of more than %d segments", MaxSegments)
	ErrUTF8            = errors.New("invalid UTF-8")
	ErrNUL             = errors.New("NUL character")
	ErrEmptyKey        = errors.New("empty key")
	ErrEmptyID         = errors.New("empty id")
	ErrBracket         = errors.New("bracket out of place")
	ErrUnclosed        = errors.New("missing ]")
	ErrAfterItem       = errors.New("neither . nor [ after ]")
	ErrEscape          = errors.New(`\ before a character that needs none`)
	ErrForbiddenName   = fmt.Errorf("forbidden key %s", ForbiddenName)
)

// Error describes an invalid path. The API shows its text to the sender.
type Error struct {
	At  int   // offset in characters (UTF-16 code units)
	Err error // one of the errors of this package
}

func (e *Error) Error() string { return fmt.Sprintf("%v at character %d", e.Err, e.At) }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

func wrong(text string, offset int, err error) error {
	return &Error{At: length(text[:offset]), Err: err}
}
