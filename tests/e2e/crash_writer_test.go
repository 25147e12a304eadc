package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/pathsync/pathsync/core/tree"
)

// writer posts batches to a room in sequence, and repeats each until it is answered.
type writer struct {
	api      api
	room, id string
	answered *atomic.Int64

	sent  []sentBatch
	again int      // number of answers received again
	items []string // ids that the server assigned to its items
}

// sentBatch is a batch and the answer to it.
type sentBatch struct {
	batch
	answer answer
}

func (w *writer) run(ctx context.Context, enough <-chan struct{}) error {
	for {
		select {
		case <-enough:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		b := w.compose()
		a, crashed, err := w.deliver(ctx, b.encode())
		if err != nil {
			return fmt.Errorf("%s: batch %d: %w", w.id, b.ClientSeq, err)
		}
		if a.Duplicate && !crashed {
			return fmt.Errorf("%s: batch %d, sent once, is marked as a duplicate", w.id, b.ClientSeq)
		}
		w.sent = append(w.sent, sentBatch{b, a})
		w.remember(a)
		w.answered.Add(1)
		if crashed || rand.N(20) == 0 {
			if err := w.repeat(ctx); err != nil {
				return err
			}
		}
	}
}

// deliver sends a batch until it is answered. crashed reports that an earlier attempt may have been committed.
func (w *writer) deliver(ctx context.Context, body []byte) (a answer, crashed bool, err error) {
	for ; ; crashed = true {
		a, err = w.api.post(ctx, w.room, body)
		var refused *problem
		if err == nil || errors.As(err, &refused) && !refused.Retryable {
			return a, crashed, err
		}
		if !pause(ctx, rand.N(20*time.Millisecond)) {
			return a, crashed, ctx.Err()
		}
	}
}

// repeat sends an answered batch again and expects the first answer.
func (w *writer) repeat(ctx context.Context) error {
	b := w.sent[rand.N(len(w.sent))]
	if rand.N(2) == 0 {
		b = w.sent[len(w.sent)-1]
	}
	a, _, err := w.deliver(ctx, b.encode())
	if err != nil {
		return fmt.Errorf("%s: batch %d again: %w", w.id, b.ClientSeq, err)
	}
	if string(a.raw) != b.answer.repeated() {
		return fmt.Errorf("%s: batch %d was answered\n%s\nand is now answered\n%s", w.id, b.ClientSeq, b.answer.raw, a.raw)
	}
	w.again++
	return nil
}

// remember keeps the ids that the server assigned.
func (w *writer) remember(a answer) {
	for _, o := range a.Ops {
		var item struct {
			ID string `json:"_sync_id"`
		}
		if o.Op == tree.ArrayAdd && json.Unmarshal(o.Value, &item) == nil && len(item.ID) > len("task-0") {
			w.items = append(w.items, item.ID)
		}
	}
}

// compose returns the next batch: operations of all kinds, on few places, so that writers conflict and operations are
// discarded.
func (w *writer) compose() batch {
	b := batch{ClientID: w.id, ClientSeq: int64(len(w.sent)) + 1, Key: "default"}
	if rand.N(4) == 0 {
		b.Key = "notes"
	}
	for range 1 + rand.N(5) {
		b.Ops = append(b.Ops, w.operation())
	}
	return b
}

// texts are values that a faulty encoding would damage.
var texts = []string{
	`"plain"`, `"\r\ndata: x\n\n"`, `"</script> & \u2028 \u0000"`, `"żółć 🚀"`, `""`, `null`, `true`, `9007199254740993`, `-0`,
	`1.0e+5`, `[]`, `{}`, `[1,"two",[3]]`, `{"b":{"a":[]},"a":"order"}`,
}

func (w *writer) operation() op {
	task := fmt.Sprintf("task-%d", rand.N(8))
	if len(w.items) > 0 && rand.N(3) == 0 {
		task = w.items[rand.N(len(w.items))]
	}
	member := fmt.Sprintf("k%d", rand.N(6))
	value := json.RawMessage(texts[rand.N(len(texts))])
	index := rand.N(6)
	switch rand.N(12) {
	case 0:
		return op{Op: tree.Init, Path: "", Value: json.RawMessage(`{"title":"new","tasks":[]}`)}
	case 1:
		return op{Op: tree.Delete, Path: "meta." + member}
	case 2, 3:
		return op{Op: tree.ArrayAdd, Path: "tasks", Value: json.RawMessage(`{"_sync_id":"` + task + `","done":false}`)}
	case 4:
		return op{Op: tree.ArrayAdd, Path: "tasks", Value: json.RawMessage(`{"text":"yours to name"}`), ArrayIndex: &index}
	case 5:
		if len(w.items) > 10 { // limits the size of the array
			task, w.items = w.items[0], w.items[1:]
		}
		return op{Op: tree.ArrayDelete, Path: "tasks[" + task + "]"}
	case 6, 7:
		return op{Op: tree.ArrayMove, Path: "tasks[" + task + "]", ArrayIndex: &index}
	case 8:
		return op{Op: tree.Set, Path: "tasks[" + task + "].done", Value: json.RawMessage(`true`)}
	case 9:
		return op{Op: tree.Set, Path: "tasks[" + task + "].deep." + member, Value: value}
	case 10:
		return op{Op: tree.Set, Path: "meta." + member + ".deeper", Value: value}
	default:
		return op{Op: tree.Set, Path: "meta." + member, Value: value}
	}
}
