package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestADamagedRoomIsNotServedNorOverwritten(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]string{
		"its document row is not JSON":   `UPDATE sync_documents SET state = '{"title":' WHERE room = 'damaged'`,
		"its document row is blank":      `UPDATE sync_documents SET state = '' WHERE room = 'damaged'`,
		"its document row has no number": `UPDATE sync_documents SET server_seq = 0 WHERE room = 'damaged'`,
		"a batch is missing in its log": `DELETE FROM sync_documents WHERE room = 'damaged';
			DELETE FROM sync_change_log WHERE room = 'damaged' AND server_seq = 2`,
		"a value in its log is not JSON": `DELETE FROM sync_documents WHERE room = 'damaged';
			UPDATE sync_change_log SET value = '{"' WHERE room = 'damaged' AND server_seq = 2`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "--server-batch-ms", "1")
			for _, room := range []string{"damaged", "well"} {
				for _, value := range []string{"1", "2", "3"} {
					s.set(room, "n", value)
				}
			}
			s.stop()
			s.changeDatabase(damage)
			rows := s.rows("damaged")

			s.start()
			began := time.Now()
			const write = `{"clientId":"c","key":"default","ops":[{"path":"n","op":"set","value":4}]}`
			for range 2 {
				for _, path := range []string{"", "/stores/default", "/changes", "/events", "/presence"} {
					s.ask(http.MethodGet, "/v1/rooms/damaged"+path, nil, "").refused(t, http.StatusServiceUnavailable, "room_unavailable")
				}
				s.ask(http.MethodPost, "/v1/rooms/damaged/ops", nil, write).refused(t, http.StatusServiceUnavailable, "room_unavailable")
			}
			said := s.process.Line(t, s.process.Stderr, "level=ERROR")
			if !strings.Contains(said, "room=damaged") {
				t.Errorf("the log does not name the room:\n%s", said)
			}
			// It reads the room at most once a second, regardless of the number of requests, and logs one error each time.
			looks := 1 + int(time.Since(began)/time.Second)
			if text := s.process.Stderr.String(); strings.Count(text, "level=ERROR") > looks || strings.Contains(text, "goroutine") {
				t.Errorf("the log has too many errors, or a stack trace:\n%s", text)
			}

			s.set("well", "n", "4")
			s.get("/readyz")
			s.stop()
			if got := s.rows("damaged"); got != rows {
				t.Errorf("the rows of the room were\n%s\nand are\n%s", rows, got)
			}
		})
	}
}

// changeDatabase changes the database of a stopped server.
func (s *server) changeDatabase(statements string) {
	s.t.Helper()
	db := openDatabase(s.t, s.file)
	defer db.Close()
	if _, err := db.ExecContext(s.t.Context(), statements); err != nil {
		s.t.Fatal(err)
	}
}

// rows returns all rows of a room in the database of a stopped server, as text.
func (s *server) rows(room string) (text string) {
	s.t.Helper()
	db := openDatabase(s.t, s.file)
	defer db.Close()
	err := db.QueryRowContext(s.t.Context(), `
		SELECT coalesce((SELECT group_concat(concat_ws(' ', store_key, server_seq, updated_at, state), char(10) ORDER BY store_key)
		                 FROM sync_documents WHERE room = ?1), 'no documents') || char(10) ||
		       coalesce((SELECT group_concat(concat_ws(' ', id, server_seq, op_index, value), char(10) ORDER BY id)
		                 FROM sync_change_log WHERE room = ?1), 'no log')`, room).Scan(&text)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}
