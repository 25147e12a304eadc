package sim

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// client sends batches of one clientId, with up to 3 on their way, and repeats each until it is answered.
type client struct {
	w    *world
	id   string
	dice *dice
	at   string // the server that it uses
	sent int    // batches, numbered or not
	// unnumbered is the share of batches without a number: those are not forwarded, and cause conflicts.
	unnumbered float64

	mu        sync.Mutex
	clientSeq int64
	previous  map[string]int64 // by room
}

func newClient(w *world, id string, unnumbered float64) *client {
	return &client{w: w, id: id, unnumbered: unnumbered, dice: newDice(w.seed, id), previous: map[string]int64{}}
}

// draft is one batch of a client, before it has a number.
type draft struct {
	room, key string
	number    string // of the client's own count
	numbered  bool
	ops       []string // kind path value, index
	dice      *dice    // of this batch
}

// run sends a number of batches.
func (c *client) run(n int, pause time.Duration) {
	var pending sync.WaitGroup
	defer pending.Wait()
	window := make(chan struct{}, 1+c.dice.below(3))
	for range n {
		time.Sleep(c.dice.duration(0, pause))
		d := c.draft()
		window <- struct{}{}
		seq, previous := c.number(d)
		pending.Go(func() {
			defer func() { <-window }()
			c.send(d, seq, previous)
		})
	}
}

// draft makes the next batch. It draws all its values from the client's dice.
func (c *client) draft() *draft {
	c.sent++
	d := &draft{room: pick(c.dice, c.w.rooms), key: pick(c.dice, c.w.profile.keys), number: strconv.Itoa(c.sent), numbered: !c.dice.chance(c.unnumbered),
		dice: newDice(c.w.seed, fmt.Sprint(c.id, "-", c.sent))}
	d.ops = append(d.ops, "set by."+c.id+" "+d.number)
	for range c.dice.below(3) {
		d.ops = append(d.ops, c.op())
	}
	return d
}

func (c *client) op() string {
	d := c.dice
	list, item := pick(d, []string{"todo", "done", "o.list"}), "i"+strconv.Itoa(d.below(12))
	place := pick(d, []string{"", " @" + strconv.Itoa(d.below(8)), " >i" + strconv.Itoa(d.below(12)), " >"})
	value := strconv.Itoa(d.below(1000))
	switch d.below(10) {
	case 0:
		return "set x." + pick(d, []string{"a", "b", "c", "d"}) + " " + value
	case 1:
		return `set x {"a":` + value + `,"e":"` + value + `"}`
	case 2:
		return "delete x." + pick(d, []string{"a", "b", "c", "d"})
	case 3, 4, 5:
		return "array_add " + list + ` {"_sync_id":"` + item + `","v":` + value + "}" + place
	case 6:
		return "array_del " + list + "[" + item + "]"
	case 7:
		if place == "" {
			place = " @0"
		}
		return "array_move " + list + "[" + item + "]" + place
	case 8:
		return "array_move " + list + "[" + item + `] "` + pick(d, []string{"todo", "done", "o.list"}) + `" @0`
	default:
		return "set " + list + "[" + item + "].v " + value
	}
}

// number gives a batch the client's next number.
func (c *client) number(d *draft) (seq int64, previous *int64) {
	if !d.numbered {
		return core.NoClientSeq, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clientSeq++
	if last, ok := c.previous[d.room]; ok && d.dice.chance(0.8) {
		previous = &last
	}
	c.previous[d.room] = c.clientSeq
	return c.clientSeq, previous
}

// maxAttempts limits the attempts of a batch. No fault of the simulation lasts that long.
const maxAttempts = 300

// send repeats a batch until a server answers it. A batch without a number is sent once.
func (c *client) send(d *draft, seq int64, previous *int64) {
	who := sending{c.id, d.number}
	for range maxAttempts {
		s := c.choose(d.dice)
		if s == nil {
			time.Sleep(d.dice.duration(50*time.Millisecond, 200*time.Millisecond))
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), d.dice.duration(time.Second, 8*time.Second))
		a, epoch, err := s.submit(ctx, d.room, d.proposal(c.id, seq, previous))
		cancel()
		c.w.records.add("client "+c.id+" "+d.number, "at %s: %v", s.name, outcome(s, err))
		switch {
		case err == nil:
			c.answered(s, epoch, d, seq, a)
			return
		case errors.Is(err, core.ErrClientSeqPassed):
			c.w.history.passed(epoch, d.room, who)
			return
		case !temporary(err):
			c.w.history.fault("%s: batch %s of %s: %v", s.name, d.number, c.id, err)
			return
		case !d.numbered:
			return
		}
		c.w.repeated.Add(1)
		time.Sleep(d.dice.duration(20*time.Millisecond, 600*time.Millisecond))
	}
	c.w.history.fault("batch %s of %s was not answered in %d attempts", d.number, c.id, maxAttempts)
}

func (c *client) answered(s *server, epoch string, d *draft, seq int64, a core.Answer) {
	c.w.acknowledged.Add(1)
	b := a.Batch
	if b.Room != d.room || b.ClientID != c.id || b.ClientSeq != seq || b.Ops[0].Value != d.number || len(b.Ops) != len(d.ops) {
		c.w.history.fault("%s: batch %s of %s is answered with %+v", s.name, d.number, c.id, b)
	}
	c.w.history.shown(s.name+" answers", epoch, b)
}

// outcome describes the result of a request. A server that ends gives one of several errors.
func outcome(s *server, err error) error {
	if err != nil && s.ctx.Err() != nil {
		return context.Canceled
	}
	return err
}

// choose returns the server that the client uses, or another one now and then.
func (c *client) choose(d *dice) *server {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.w.server(c.at); s != nil && d.chance(0.8) {
		return s
	}
	s := c.w.anyServer(d)
	if s != nil {
		c.at = s.name
	}
	return s
}

// temporary reports whether a client repeats a batch after an error.
func temporary(err error) bool {
	for _, known := range []error{core.ErrUnavailable, core.ErrOverloaded, core.ErrClosing, core.ErrHistoryChanged, errCrashed,
		context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// proposal parses the operations anew for each attempt, because a server keeps their values.
func (d *draft) proposal(clientID string, seq int64, previous *int64) *core.Proposal {
	p := &core.Proposal{Key: d.key, ClientID: clientID, ClientSeq: seq, PreviousClientSeq: previous}
	for _, text := range d.ops {
		p.Ops = append(p.Ops, parseOp(text))
	}
	return p
}

// parseOp parses `kind path value @index`, or `>anchor` instead of the index. Value and place are optional.
func parseOp(text string) core.ProposedOp {
	o := core.ProposedOp{Op: tree.Op{Index: tree.NoIndex}}
	for i, field := range strings.Fields(text) {
		switch {
		case i == 0:
			o.Kind = tree.Kind(field)
		case i == 1:
			o.PathText, o.Path = field, must(path.Parse(field))
		case field[0] == '@':
			o.Index = must(strconv.Atoi(field[1:]))
		case field[0] == '>':
			o.After = []string{field[1:]}
		case o.Kind == tree.ArrayMove:
			to := must(path.Parse(must(strconv.Unquote(field))))
			o.To, o.ValueText = &to, field
		default:
			o.ValueText, o.Value = field, must(tree.ParseStored([]byte(field)))
		}
	}
	return o
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
