package main

// tokenCommand is about JSON Web Tokens for --auth jwt.
type tokenCommand struct {
	Make  tokenMakeCommand  `cmd:"" help:"Print a token for development."`
	Check tokenCheckCommand `cmd:"" help:"Print what a token says, and why a server would refuse it."`
}
