package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/google/uuid"

	"github.com/pathsync/pathsync/client"
)

type importCommand struct {
	serverFlags `embed:""`
	outputFlags `embed:""`

	File     string `arg:"" optional:"" default:"-" help:"The export; - is standard input (${default})."`
	Replace  bool   `help:"Replace documents that exist, instead of keeping them."`
	Parallel int    `default:"8" placeholder:"N" help:"Documents that are sent at the same time (${default})."`

	batchFlags `embed:""`
}

// Help is shown below the flags.
func (*importCommand) Help() string {
	return `Creates the documents of an export. Rooms are created by their first document, and other documents of a room do not change.

A document that exists is kept, and counted. So an import can be repeated: it continues one that was interrupted, and sends no document twice. Repeat it with the same flags, and before the log is pruned. With --replace, each document gets the state of the export, whatever it has. If the file has a document twice, the first one counts, and with --replace the last one.

A large document becomes several batches, and readers see it grow. The numbers and times of the export are not used: each document is a new change of the user of the token.

Examples:

  pathsync import board-7.ndjson
  gunzip < all.ndjson.gz | pathsync import`
}

// Validate is called by kong before Run.
func (c *importCommand) Validate() error {
	if c.Parallel < 1 || c.Parallel > 64 {
		return errors.New("--parallel must be from 1 to 64")
	}
	return cmp.Or(c.batchFlags.Validate(), c.serverFlags.Validate())
}

// imported counts documents by what happened to them.
type imported struct {
	Created  int64 `json:"created"`
	Replaced int64 `json:"replaced"`
	Kept     int64 `json:"kept"`     // they existed
	Repeated int64 `json:"repeated"` // an earlier run had sent them
	Bytes    int64 `json:"bytes"`
}

func (n imported) String() string {
	return fmt.Sprintf("%s created, %d replaced, %d kept because they exist, %d sent before; %s",
		count(n.Created, "document"), n.Replaced, n.Kept, n.Repeated, formatBytes(n.Bytes))
}

// importer sends documents, several at a time.
type importer struct {
	server   *client.Client
	replace  bool
	limits   batchFlags
	progress *progress

	mu     sync.Mutex
	counts imported
}

// Run sends the documents of a file.
func (c *importCommand) Run(ctx context.Context, p *program) error {
	server, err := c.client(p)
	if err != nil {
		return err
	}
	i := &importer{server: server, replace: c.Replace, limits: c.batchFlags, progress: p.progress()}
	read := func(ctx context.Context, yield func(record) bool) error {
		in, done, err := p.open(ctx, c.File)
		if err != nil {
			return err
		}
		defer done()
		return readRecords(in, yield)
	}
	err = parallel(ctx, c.Parallel, read, record.document, i.send)
	i.progress.clear()
	if err != nil {
		_ = p.stderr.printf("%s\n", i.counts.String()) // the error below matters more
		return err
	}
	if c.JSON {
		return p.stdout.writeJSON(i.counts)
	}
	return p.stdout.printf("%s\n", i.counts.String())
}

// maxLine is the length of the longest line of an export: a document of the largest size that servers can be configured for.
const maxLine = 1<<30 + 64<<10

// readRecords calls take for each line until it returns false. Blank lines are skipped.
func readRecords(in io.Reader, take func(record) bool) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	n := 1
	for ; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("line %d is not a document of an export: %w", n, err)
		}
		if r.Room == "" || r.Key == "" || r.State == nil {
			return fmt.Errorf("line %d is not a document of an export: it needs room, key and state", n)
		}
		if altered(line, r.Room, r.Key) {
			return fmt.Errorf("line %d is not a document of an export: its room or key is not valid Unicode", n)
		}
		if !take(r) {
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading line %d: %w", n, err)
	}
	return nil
}

// parallel passes the elements of read to do, up to n at a time. Elements with the same key are done one after the other, in their
// order. It returns the first error of either, with which the contexts of both end.
func parallel[T any, K comparable](ctx context.Context, n int, read func(ctx context.Context, yield func(T) bool) error,
	key func(T) K, do func(context.Context, T) error,
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		running = make(chan struct{}, n)
		workers sync.WaitGroup
		mu      sync.Mutex
		last    = map[K]chan struct{}{} // is closed when the last element with a key that was read is done
	)
	err := read(ctx, func(element T) bool {
		select {
		case running <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		k, done := key(element), make(chan struct{})
		mu.Lock()
		before := last[k]
		last[k] = done
		mu.Unlock()
		workers.Go(func() {
			if before != nil {
				<-before
			}
			if ctx.Err() == nil {
				if err := do(ctx, element); err != nil {
					cancel(err)
				}
			}
			mu.Lock()
			if last[k] == done {
				delete(last, k)
			}
			mu.Unlock()
			close(done)
			<-running
		})
		return true
	})
	if err != nil {
		cancel(err)
	}
	workers.Wait()
	return context.Cause(ctx)
}

// send sends one document.
func (i *importer) send(ctx context.Context, r record) error {
	if err := i.document(ctx, r); err != nil {
		return fmt.Errorf("importing document %q of room %q: %w", r.Key, r.Room, err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.counts.Bytes += int64(len(r.State))
	n := i.counts
	i.progress.show("importing: %s, %s; now %q", count(n.Created+n.Replaced+n.Kept+n.Repeated, "document"), formatBytes(n.Bytes), r.Room)
	return nil
}

func (i *importer) document(ctx context.Context, r record) error {
	kind, sender := "init", "import-"+digest(r)
	if i.replace {
		kind, sender = "set", "import-"+uuid.NewString()
	}
	batches, err := splitDocument(r.State, kind, i.limits)
	if err != nil {
		return err
	}
	outcome := &i.counts.Created
	if i.replace {
		outcome = &i.counts.Replaced
	}
	for n, ops := range batches {
		result, err := i.server.Submit(ctx, r.Room, client.Batch{ClientID: sender, ClientSeq: int64(n) + 1, PreviousClientSeq: int64(n), Key: r.Key, Ops: ops})
		if problem := (*client.Problem)(nil); errors.As(err, &problem) && problem.Code == "client_seq_reused" {
			return fmt.Errorf("%w: an earlier import sent the document in other batches; repeat it with the same --batch-ops and --batch-bytes, or with --replace", err)
		}
		if err != nil {
			return err
		}
		if result.Results[0].Reason == "exists" {
			outcome = &i.counts.Kept
			break
		}
		for at, r := range result.Results {
			if r.Status != "applied" {
				return fmt.Errorf("%s at %q was discarded: %s", ops[at].Op, ops[at].Path, r.Reason)
			}
		}
		if n == len(batches)-1 && result.Duplicate {
			outcome = &i.counts.Repeated
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	*outcome++
	return nil
}

// digest identifies a document of an export, so that the server recognises one that it has received before.
func digest(r record) string {
	h := sha256.New()
	for _, text := range []string{r.Room, r.Key, string(r.State)} {
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
