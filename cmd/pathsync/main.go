// SQL Server generates a certificate whose serial number is negative in half of all cases. Go refuses to parse it, even if
// the connection does not verify certificates. The serial number plays no part in verification, so no connection becomes
// less safe.
//
//go:debug x509negativeserial=1

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/pathsync/pathsync/doctor"
	"github.com/pathsync/pathsync/server"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // the server refused, could not be reached, or could not run
	exitUsage  = 2 // the command line is invalid
	exitAway   = 2 // of doctor: the server does not answer

	exitInterrupted = 130 // SIGINT or SIGTERM ended a command before it was done
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	program := func(ctx context.Context) int { return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr) }
	code, isService := runService(ctx, program)
	if !isService {
		code = program(ctx)
	}
	os.Exit(code)
}

// run runs the program until it is done or ctx ends, and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{stdin: stdin, stdout: newConsole(stdout), stderr: newConsole(stderr)}
	return p.run(ctx, args)
}

// program is what the commands share: the standard streams, and a clock for tests.
type program struct {
	stdin  io.Reader
	stdout *console
	stderr *console
	wait   func(ctx context.Context, d time.Duration) error // of client.Config; nil: a timer
}

// commandLine is the grammar of the command line.
type commandLine struct {
	Serve   serveCommand   `cmd:"" default:"withargs" group:"Server" help:"Run the server (the default)."`
	Check   checkCommand   `cmd:"" group:"Server" help:"Check the configuration, without starting."`
	Stats   statsCommand   `cmd:"" group:"Server" help:"Show the state of a server."`
	Rooms   roomsCommand   `cmd:"" group:"Server" help:"List rooms."`
	Cluster clusterCommand `cmd:"" group:"Server" help:"Show the servers that share a database."`

	Get     getCommand     `cmd:"" group:"Rooms" help:"Print a room, or one of its documents, as JSON."`
	Set     setCommand     `cmd:"" group:"Rooms" help:"Set one value in a document."`
	Apply   applyCommand   `cmd:"" group:"Rooms" help:"Apply operations from a file to a document."`
	Tail    tailCommand    `cmd:"" group:"Rooms" help:"Follow rooms: print one line per event."`
	History historyCommand `cmd:"" group:"Rooms" help:"Print the change log of a room."`
	Export  exportCommand  `cmd:"" group:"Rooms" help:"Write the documents of rooms as JSON lines."`
	Import  importCommand  `cmd:"" group:"Rooms" help:"Read the documents of rooms from JSON lines."`

	Migrate  migrateCommand  `cmd:"" group:"Database" help:"Create or upgrade the tables, or print the SQL for that."`
	Takeover takeoverCommand `cmd:"" group:"Database" help:"Take over the tables of nuxt-synced-pinia-store."`
	Epoch    epochCommand    `cmd:"" group:"Database" help:"Show or renew the epoch of a database."`

	Token      tokenCommand      `cmd:"" group:"Tools" help:"Make tokens for development, or find out why one is refused."`
	Doctor     doctorCommand     `cmd:"" group:"Tools" help:"Find out what proxies do to requests and streams."`
	Bench      benchCommand      `cmd:"" group:"Tools" help:"Measure a server under load."`
	Completion completionCommand `cmd:"" group:"Tools" help:"Print a completion script for a shell."`
	Version    versionCommand    `cmd:"" group:"Tools" help:"Print the version."`

	PrintVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

const description = `Shared application state over plain HTTP, kept in your own SQL database.

Examples:

  pathsync                                       # serve http://127.0.0.1:8080
  pathsync set board-7 default title '"Launch"'  # write
  pathsync get board-7                           # read
  pathsync tail --pretty board-7                 # watch
  pathsync doctor https://sync.example.com       # diagnose proxies

Exit codes: 0 success, 1 failure, 2 wrong command line or configuration,
130 interrupted by Ctrl-C or SIGTERM.`

// newParser returns a parser that stores what it reads in line.
func newParser(line *commandLine, options ...kong.Option) (*kong.Kong, error) {
	defaults := server.DefaultConfig()
	line.Check.serveCommand = defaultServe()
	return kong.New(line, append(options,
		kong.Name("pathsync"),
		kong.Description(description),
		kong.Vars{"version": thisBuild().String(), "database": defaults.Database, "listen": defaults.Listen},
		kong.Help(printHelp),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, NoAppDescFormat: true}),
		kong.PostBuild(serveDefaults),
		kong.KindMapper(reflect.Int, kong.MapperFunc(parseInteger)),
		kong.KindMapper(reflect.Int64, kong.MapperFunc(parseInteger)),
		kong.NamedMapper("ms", kong.MapperFunc(parseMilliseconds)),
	)...)
}

func (p *program) run(ctx context.Context, args []string) int {
	var (
		line     = commandLine{Serve: defaultServe()}
		answered bool // by --help or --version
	)
	for i, arg := range args {
		if !utf8.ValidString(arg) { // the parser would replace what is not
			return p.fail(usageError{fmt.Errorf("argument %d is not valid UTF-8", i+1)})
		}
	}
	if err := tidyEnvironment(); err != nil {
		return p.fail(fmt.Errorf("reading the environment: %w", err))
	}
	parser, err := newParser(&line,
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(int) { answered = true }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(p),
	)
	if err != nil {
		return p.fail(fmt.Errorf("building the command line: %w", err))
	}
	command, err := parser.Parse(args)
	switch {
	case answered:
		return exitOK
	case err != nil:
		return p.fail(usageError{err})
	}
	err = command.Run()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	return p.fail(err)
}

var errInterrupted = errors.New("interrupted")

// usageError is an error in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// fail prints an error and returns its exit code; 0 for no error.
func (p *program) fail(err error) int {
	if err == nil {
		return exitOK
	}
	_ = p.stderr.printf("%s %s\n", red.of("pathsync:"), err) // there is no place for its error
	if errors.As(err, new(usageError)) || errors.As(err, new(*server.ConfigError)) {
		fmt.Fprintln(p.stderr, "Try pathsync --help.")
		return exitUsage
	}
	if errors.As(err, new(*doctor.UnreachableError)) {
		return exitAway
	}
	if errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	return exitFailed
}
