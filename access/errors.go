package access

import "errors"

// Errors of authentication. The API shows their texts, and the texts of errors that wrap them, to the sender.
var (
	// ErrUnauthenticated: the credentials are missing or not valid. Sending the request again does not help.
	ErrUnauthenticated = errors.New("the token is not valid")
	// ErrUnavailable: the credentials cannot be verified now. The sender may retry.
	ErrUnavailable = errors.New("tokens cannot be verified now")
)
