package sqlstore

// reworded is an error of a driver in our own words. Its cause can be looked for but is not shown: drivers put hosts,
// users, data and parts of statements into their texts.
type reworded struct {
	text  string
	cause error
	// reported is what the server itself says, such as the text of a trigger. It may hold data, and is for the log of a
	// batch that is refused.
	reported string
}

func (e *reworded) Error() string { return e.text }
func (e *reworded) Unwrap() error { return e.cause }

// Reported is the server's own text. The core logs it with a batch that the database refuses.
func (e *reworded) Reported() string { return e.reported }
