package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// writer posts batches to one room on one connection. Each batch has one op, whose value is the time of the request.
type writer struct {
	target       *Target
	room, client string
	conn         net.Conn
	answers      *bufio.Reader
	clientSeq    int64
	request      []byte
	latencies    []time.Duration
	path         func() string // of the next op; nil: a path that only this writer uses
}

func dialWriter(s *Target, room, client string) (*writer, error) {
	conn, err := s.dial()
	if err != nil {
		return nil, err
	}
	return &writer{target: s, room: room, client: client, conn: conn, answers: bufio.NewReader(conn)}, nil
}

// post sends one batch and waits for its answer.
func (w *writer) post() error {
	sent := time.Now()
	return w.send(sent, w.next(sent))
}

// next returns the body of the next batch.
func (w *writer) next(sent time.Time) []byte {
	w.clientSeq++
	path := "who." + w.client
	if w.path != nil {
		path = w.path()
	}
	return fmt.Appendf(nil, `{"clientId":%q,"clientSeq":%d,"key":"default","ops":[{"op":"set","path":%q,"value":%d}]}`,
		w.client, w.clientSeq, path, sent.UnixNano())
}

// send sends the body of a batch and waits for the answer.
func (w *writer) send(sent time.Time, body []byte) error {
	w.request = fmt.Appendf(w.request[:0], "%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		w.target.request(http.MethodPost, "/v1/rooms/"+w.room+"/ops"), len(body))
	w.request = append(w.request, body...)
	if err := w.conn.SetDeadline(sent.Add(30 * time.Second)); err != nil {
		return err
	}
	if _, err := w.conn.Write(w.request); err != nil {
		return err
	}
	resp, err := http.ReadResponse(w.answers, nil)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return &RefusedError{resp.StatusCode, string(answer)}
	}
	w.target.Posted.Add(1)
	w.latencies = append(w.latencies, time.Since(sent))
	return nil
}

// RefusedError is an answer other than 200.
type RefusedError struct {
	Status int
	Body   string
}

func (e *RefusedError) Error() string {
	var problem struct{ Title, Detail, Code string }
	if json.Unmarshal([]byte(e.Body), &problem) == nil && problem.Code != "" {
		return fmt.Sprintf("status %d: %s: %s (%s)", e.Status, problem.Title, problem.Detail, problem.Code)
	}
	return fmt.Sprintf("status %d: %.300s", e.Status, e.Body)
}

// postEvery posts at a constant interval, first after offset, until ctx ends.
func (w *writer) postEvery(ctx context.Context, offset, interval time.Duration) error {
	return every(ctx, offset, interval, w.post)
}

// every calls post at a constant interval, first after offset, until ctx ends.
func every(ctx context.Context, offset, interval time.Duration, post func() error) error {
	next := time.NewTimer(offset)
	defer next.Stop()
	due := time.Now().Add(offset)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		}
		if err := post(); err != nil {
			return err
		}
		due = due.Add(interval)
		next.Reset(time.Until(due))
	}
}

// postUntil posts without pauses until ctx ends.
func (w *writer) postUntil(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := w.post(); err != nil {
			return err
		}
	}
	return nil
}
