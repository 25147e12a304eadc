package attack

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const mebibyte = 1 << 20

// As a tree of separate values, each document would need 20 times the memory of its text.
func TestArraysOfNumbersNeedLittleMoreMemoryThanText(t *testing.T) {
	s := start(t)
	s.begin()
	n := sized(30, 60)
	numbers := `[` + strings.Repeat("1,", 480_000) + `1]`
	each(n, n, func(i int) { s.send("r", set(fmt.Sprint("k", i), "v", numbers)) })
	s.wants(int64(n) * 8 * mebibyte)
}

func TestObjectsWithManyMembersAreInTheEstimate(t *testing.T) {
	s := start(t)
	s.begin()
	n := sized(20, 60)
	var members strings.Builder
	for i := range 70_000 {
		fmt.Fprintf(&members, `,"k%d":1`, i)
	}
	object := `{` + members.String()[1:] + `}`
	each(n, n, func(i int) { s.send(fmt.Sprint("r", i), set("k", "v", object)) })
	s.wants(int64(n) * 40 * mebibyte)
}

func TestReadersShareLargePresenceList(t *testing.T) {
	s := start(t)
	s.begin()
	clients, readers := sized(2000, 9990), sized(40, 80)
	meta := `{"meta":"` + strings.Repeat("m", 4000) + `"}`
	each(clients, 50, func(i int) { s.put("r", fmt.Sprint("client-", i), meta) })
	each(readers, 10, func(int) {
		s.unread("/v1/rooms/r/events")
		s.unread("/v1/rooms/r/presence")
	})
	// The list changes while readers have received a part of it.
	each(readers, 10, func(i int) {
		s.put("r", fmt.Sprint("client-", i), meta)
		s.unread("/v1/rooms/r/events")
		s.unread("/v1/rooms/r/presence")
	})
	s.wants(int64(clients)*30<<10 + int64(readers)*mebibyte)
}

func (s *server) put(room, client, body string) {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodPut, "http://"+s.address+"/v1/rooms/"+room+"/presence/"+client, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := s.http.Do(request)
	if err != nil {
		s.t.Error(err)
		return
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.t.Errorf("a presence update has status %d", answer.StatusCode)
	}
}

// history fills a room with a number of bytes and returns the event id of the first batch.
func (s *server) history(room string, bytes int) (first string) {
	const size = 4 << 10
	text := `"` + strings.Repeat("x", size) + `"`
	for i := range bytes / size {
		s.send(room, set(fmt.Sprint("k", i), "v", text))
	}
	answer, err := s.http.Get("http://" + s.address + "/v1/rooms/" + room)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	epoch, _, _ := strings.Cut(strings.Trim(answer.Header.Get("ETag"), `"`), "-")
	return epoch + "-1"
}

func TestStalledResumingReadersShareTheLog(t *testing.T) {
	s := start(t)
	first := s.history("r", 8*mebibyte)
	s.begin()
	readers := sized(100, 300)
	each(readers, 30, func(int) { s.unread("/v1/rooms/r/events", "Last-Event-ID: "+first) })
	s.wants(int64(readers)*100<<10 + 64*mebibyte)
}

func TestStalledCompressedAndMultiRoomStreamsNeedBoundedMemory(t *testing.T) {
	s := start(t, "--compress-streams")
	first := s.history("a", 4*mebibyte)
	s.history("b", 4*mebibyte)
	s.begin()
	readers := sized(60, 300)
	each(readers, 30, func(i int) {
		switch i % 3 {
		case 0:
			s.unread("/v1/rooms/a/events", "Last-Event-ID: "+first, "Accept-Encoding: gzip")
		case 1:
			s.unread("/v1/events?room=a&room=b", "Accept-Encoding: zstd", "Last-Event-ID: "+first+".1")
		default:
			s.unread("/v1/events?room=a&room=b")
		}
	})
	s.wants(int64(readers)*150<<10 + 96*mebibyte)
}

func TestUnreadPagesOfChangesAreShared(t *testing.T) {
	s := start(t)
	first := s.history("r", 8*mebibyte)
	epoch, _, _ := strings.Cut(first, "-")
	s.begin()
	readers := sized(300, 1500)
	each(readers, 20, func(i int) {
		target := fmt.Sprintf("/v1/rooms/r/changes?limit=1000&after=%s-%d", epoch, i%1000)
		c := s.unread(target)
		// The system's buffers take the first answers.
		_, _ = io.WriteString(c, strings.Repeat("GET "+target+" HTTP/1.1\r\nHost: "+s.address+"\r\n\r\n", 8))
	})
	s.wants(int64(readers)*200<<10 + 64*mebibyte)
}

func TestKeysOfARoomAreInTheEstimate(t *testing.T) {
	s := start(t)
	s.begin()
	keys := sized(8000, 60_000)
	each(keys, 50, func(i int) { s.trySend("r", set("key-"+strconv.Itoa(i), "n", "1")) })
	s.wants(int64(keys)*6<<10 + 64*mebibyte)
}

// trySend sends a batch that a limit may refuse.
func (s *server) trySend(room, body string) { _ = s.post(room, body) }

// Each change makes a new version of the document, and each reader holds another one.
func TestStalledReadersOfManyVersionsNeedBoundedMemory(t *testing.T) {
	s := start(t)
	text := `"` + strings.Repeat("x", 900<<10) + `"`
	for i := range 9 {
		s.send("r", set("k", fmt.Sprint("m", i), text))
	}
	s.begin()
	readers := sized(150, 400)
	each(readers, 2, func(i int) {
		s.send("r", set("k", "n", strconv.Itoa(i)))
		if i%2 == 0 {
			s.tryUnread("/v1/rooms/r")
		} else {
			s.tryUnread("/v1/rooms/r/stores/k")
		}
	})
	s.wants(700 * mebibyte)
}

// tryUnread sends a request that may be refused, and reads only its first bytes.
func (s *server) tryUnread(target string) {
	c := s.raw("GET " + target + " HTTP/1.1\r\nHost: " + s.address + "\r\n\r\n")
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	_, _ = c.Read(make([]byte, 64))
}

// The server adds ids, so each answer repeats the whole batch.
func TestUnreadAnswersNeedBoundedMemoryAndBlockNoOtherClient(t *testing.T) {
	s := start(t)
	s.begin()
	body := set("k", "list", `[`+strings.Repeat(`{"text":"`+strings.Repeat("x", 600)+`"},`, 1400)+`{}]`)
	request := "POST /v1/rooms/r/ops HTTP/1.1\r\nHost: " + s.address + "\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n" + body
	senders := sized(20, 100)
	each(senders, 20, func(int) {
		c := s.raw("")
		_ = c.SetWriteDeadline(time.Now().Add(10 * time.Second))
		for range 6 { // until the server stops reading, because its answers are not read
			if _, err := io.WriteString(c, request); err != nil {
				return
			}
		}
	})
	s.send("honest", set("k", "v", `"`+strings.Repeat("x", 800_000)+`"`))
	s.wants(700 * mebibyte)
}

// A room name is a substring of the URL and could keep all of it in memory.
func TestLongURLsAreNotKeptInMemory(t *testing.T) {
	s := start(t)
	s.begin()
	clients := sized(1000, 2000)
	rest := "&x=" + strings.Repeat("x", 60_000)
	each(clients, 20, func(i int) { s.unread(fmt.Sprintf("/v1/rooms/r%d/events?clientId=c%d%s", i/2, i, rest)) })
	s.wants(int64(clients)*45<<10 + 16*mebibyte)
}

// Each new client is an event for all clients in the room.
func TestManyClientsJoiningAtOnceSharePresenceEvents(t *testing.T) {
	s := start(t)
	s.begin()
	clients := sized(500, 4000)
	each(clients, 20, func(i int) { s.unread(fmt.Sprintf("/v1/rooms/r/events?clientId=client-%d", i)) })
	s.wants(int64(clients)*60<<10 + 64*mebibyte)
}

// Meanwhile, other requests are answered, with small and with large bodies.
func TestSlowBodiesNeedBoundedMemory(t *testing.T) {
	s := start(t)
	s.begin()
	senders := sized(500, 2000)
	incomplete := "POST /v1/rooms/r/ops HTTP/1.1\r\nHost: " + s.address + "\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n" +
		strings.Repeat(" ", 900_000)
	each(senders, 50, func(int) { s.raw(incomplete) })
	var honest sync.WaitGroup
	for i := range 4 {
		honest.Go(func() { s.send("honest", set(fmt.Sprint("k", i), "v", `"`+strings.Repeat("x", 800_000)+`"`)) })
	}
	honest.Wait()
	s.wants(600 * mebibyte)
}
