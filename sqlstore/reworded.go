package sqlstore

// reworded is an error of a driver in our own words. Its cause can be looked for but is not shown: drivers put hosts,
// users, data and parts of statements into their texts.
type reworded struct {
	text  string
	cause error
}

func (e *reworded) Error() string { return e.text }
func (e *reworded) Unwrap() error { return e.cause }
