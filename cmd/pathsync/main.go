// SQL Server makes itself a certificate whose serial number is negative in half of all cases. Go refuses to read it, even
// where the certificate is trusted by name or not checked. The number takes no part in checking a certificate, so that no
// other connection of the program becomes less safe.
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
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // the server refused, could not be reached, or could not run
	exitUsage  = 2 // the command line makes no sense
	exitAway   = 2 // of doctor: nobody answers, so that nothing can be said
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process whatever it is doing
	program := func(ctx context.Context) int { return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr) }
	code, isService := runService(ctx, program)
	if !isService {
		code = program(ctx)
	}
	os.Exit(code)
}

// run is the whole program: it returns the exit code. It ends in an orderly way when ctx does.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{stdin: stdin, stdout: newConsole(stdout), stderr: newConsole(stderr), wait: wait}
	return p.run(ctx, args)
}

// program is what the commands share: the three streams, and the clock that tests replace.
type program struct {
	stdin  io.Reader
	stdout *console
	stderr *console
	wait   func(ctx context.Context, d time.Duration) error // until d has passed; ctx's error if that ends first
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// commandLine is everything that can be said to pathsync.
type commandLine struct {
	Serve serveCommand `cmd:"" default:"withargs" help:"Run the server (the default)."`
	Tail  tailCommand  `cmd:"" help:"Follow a room: print one line per event."`
	Get   getCommand   `cmd:"" help:"Print a room, or one of its documents, as JSON."`
	Set   setCommand   `cmd:"" help:"Set one value in a document."`

	Migrate  migrateCommand  `cmd:"" help:"Make or upgrade the tables, or print the SQL that does."`
	Takeover takeoverCommand `cmd:"" help:"Take over the tables of nuxt-synced-pinia-store."`
	Epoch    epochCommand    `cmd:"" help:"Show or renew the epoch of a database."`

	Doctor doctorCommand `cmd:"" help:"Find out what proxies do to requests and streams."`

	Version kong.VersionFlag `help:"Print the version."`
}

const description = `Shared application state over plain HTTP, kept in your own SQL database.

Examples:

  pathsync                                        # serve on http://127.0.0.1:8080, database pathsync.db
  pathsync set board-7 default title '"Launch"'   # write
  pathsync get board-7                            # read
  pathsync tail board-7                           # watch
  pathsync doctor https://sync.example.com        # find out what is wrong on the way`

func (p *program) run(ctx context.Context, args []string) int {
	var (
		line     commandLine
		answered bool // by --help or --version: there is nothing more to do
	)
	if err := tidyEnvironment(); err != nil {
		return p.fail(fmt.Errorf("reading the environment: %w", err))
	}
	parser, err := kong.New(&line,
		kong.Name("pathsync"),
		kong.Description(description),
		kong.Vars{"version": version()},
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(int) { answered = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, NoAppDescFormat: true}),
		kong.KindMapper(reflect.Int, kong.MapperFunc(wholeNumber)),
		kong.KindMapper(reflect.Int64, kong.MapperFunc(wholeNumber)),
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
	return p.fail(command.Run())
}

// usageError is an error that the person at the command line can mend there.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// fail reports an error, and returns the exit code that stands for it: 0 for none.
func (p *program) fail(err error) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(p.stderr, "pathsync: %v\n", err)
	if errors.As(err, new(usageError)) {
		fmt.Fprintln(p.stderr, "Try pathsync --help.")
		return exitUsage
	}
	if errors.As(err, new(unreachableError)) {
		return exitAway
	}
	return exitFailed
}

// version names the build: the module's version where there is one, else the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	name := info.Main.Version
	if name == "" || name == "(devel)" {
		name = "devel"
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				name += " " + setting.Value
			}
		}
	}
	return fmt.Sprintf("pathsync %s (%s)", name, info.GoVersion)
}
