package sse

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	r3labs "github.com/r3labs/sse/v2"

	"github.com/pathsync/pathsync/internal/testkit"
)

// The readers of a benchmark run in a child process with the same binary, so the CPU time of the benchmark's process is the
// server's. It uses one core.
const readersEnv = "SSE_BENCHMARK_READERS" // "<address> <number> <Accept-Encoding>"

func TestMain(m *testing.M) {
	if spec := os.Getenv(readersEnv); spec != "" {
		var address, encoding string
		var n int
		_, err := fmt.Sscan(spec, &address, &n, &encoding)
		if err == nil {
			err = readAll(address, n, encoding)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// lastData is the data of the last event. A reader closes its connection after it.
const lastData = "THE LAST ONE"

// readAll follows a stream with n readers. It prints "begun" when all have received something, and returns when all have
// received the last event.
func readAll(address string, n int, encoding string) error {
	var begun, done sync.WaitGroup
	failed := make(chan error, n)
	begun.Add(n)
	for range n {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		defer conn.Close()
		done.Go(func() {
			begin := sync.OnceFunc(begun.Done)
			if err := readOne(conn, encoding, begin); err != nil {
				failed <- err
				begin()
			}
		})
	}
	begun.Wait()
	fmt.Println("begun")
	done.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func readOne(conn net.Conn, encoding string, begin func()) error {
	const request = "GET /?stream=s HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: %s\r\n\r\n"
	if _, err := fmt.Fprintf(conn, request, encoding); err != nil {
		return err
	}
	const overlap = 64 // more than the last event and what a chunked body has after it
	buf := make([]byte, 32<<10)
	kept := 0
	for {
		n, err := conn.Read(buf[kept:])
		if err != nil {
			return fmt.Errorf("before the last event: %w", err)
		}
		begin() // stored text is not encoded, so the last event is readable in a compressed stream, too
		end := kept + n
		tail := buf[max(0, end-overlap):end]
		if bytes.Contains(tail, []byte(lastData+"\n\n")) {
			return nil
		}
		kept = copy(buf, tail)
	}
}

// broadcaster is a server under measurement.
type broadcaster struct {
	handler  http.Handler
	publish  func(data []byte)
	close    func()
	encoding string // of the readers' Accept-Encoding
}

func ours() broadcaster { return oursIn("identity") }

func oursInGzip() broadcaster { return oursIn("gzip") }

func oursInZstd() broadcaster { return oursIn("zstd") }

func oursIn(encoding string) broadcaster {
	g := &Group{Compress: true}
	f := NewFeed(FeedConfig{MaxBytes: 64 << 20}) // large, so that no reader lags
	var frame []byte
	seq := int64(0)
	return broadcaster{
		handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s, err := g.Open(w, r); err == nil {
				s.Start(Plain(AppendComment(nil, "hello")), f, f.End(), func(error) {})
			}
		}),
		publish: func(data []byte) {
			seq++
			frame, _ = AppendEvent(frame[:0], strconv.FormatInt(seq, 10), "delta", data)
			_ = f.Append(seq, frame)
			f.Wake()
		},
		close: func() {
			f.Close(nil)
			_ = g.Shutdown(context.Background())
		},
		encoding: encoding,
	}
}

func theirs() broadcaster {
	server := r3labs.New()
	server.AutoReplay = false
	server.CreateStream("s")
	seq := 0
	return broadcaster{
		handler: server,
		publish: func(data []byte) {
			seq++
			server.Publish("s", &r3labs.Event{ID: []byte(strconv.Itoa(seq)), Data: data})
		},
		close:    server.Close,
		encoding: "identity",
	}
}

// BenchmarkFlatOut publishes to 1,000 readers without pauses; an operation is one event to all of them. It compares this
// package with the server of the library whose reader the tests use. Here, a reader that is behind gets all pending events in
// one write. There, each event is a write, and a stalled reader stops all others: see TestStalledReaderDoesNotDelay199Others.
func BenchmarkFlatOut(b *testing.B) {
	for _, server := range []struct {
		name string
		make func() broadcaster
	}{{"ours", ours}, {"r3labs", theirs}} {
		b.Run(server.name, func(b *testing.B) { broadcast(b, server.make(), 1000, 0) })
	}
}

// BenchmarkPaced publishes at a constant rate and reports the share of one core. Each delivery is one write in both servers,
// and nearly all of the cost.
func BenchmarkPaced(b *testing.B) {
	for _, load := range []struct{ readers, perSecond int }{{1000, 50}, {200, 250}} {
		for _, server := range []struct {
			name string
			make func() broadcaster
		}{{"ours", ours}, {"ours, gzip", oursInGzip}, {"ours, zstd", oursInZstd}, {"r3labs", theirs}} {
			name := fmt.Sprintf("%dx%d/%s", load.readers, load.perSecond, server.name)
			b.Run(name, func(b *testing.B) { broadcast(b, server.make(), load.readers, load.perSecond) })
		}
	}
}

// broadcast publishes b.N events of about 200 bytes and waits until all readers have received them.
func broadcast(b *testing.B, s broadcaster, readers, perSecond int) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	server := httptest.NewServer(s.handler)
	defer server.Close()
	defer s.close()
	child := read(b, server, readers, s.encoding)
	data := []byte(`{"room":"r","key":"default","serverSeq":17,"clientId":"c","ops":["` + strings.Repeat("x", 100) + `"]}`)
	var pace <-chan time.Time
	if perSecond > 0 {
		ticker := time.NewTicker(time.Second / time.Duration(perSecond))
		defer ticker.Stop()
		pace = ticker.C
	}

	cpu := processorTime(b)
	b.ResetTimer()
	for range b.N {
		if pace != nil {
			<-pace
		}
		s.publish(data)
	}
	s.publish([]byte(lastData))
	err := child.Wait()
	b.StopTimer()
	cpu = processorTime(b) - cpu
	if err != nil {
		b.Fatal(err)
	}
	deliveries := float64((b.N + 1) * readers)
	b.ReportMetric(deliveries/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(cpu.Seconds()*1e6/deliveries, "cpu-µs/delivery")
	b.ReportMetric(100*cpu.Seconds()/b.Elapsed().Seconds(), "%core")
}

// processorTime returns the CPU time of this process, including the kernel's.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// read starts a process with a number of readers and returns when all have received something.
func read(b *testing.B, server *httptest.Server, readers int, encoding string) *exec.Cmd {
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s", readersEnv, server.Listener.Addr(), readers, encoding))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		b.Fatalf("the readers said %q, error %v", line, err)
	}
	return child
}

// BenchmarkStart starts 1,000 streams with the same documents; an operation is all of them.
func BenchmarkStart(b *testing.B) {
	const readers = 1000
	for _, items := range []int{100, 1_000, 10_000} {
		for _, encoding := range []string{"identity", "gzip", "zstd"} {
			b.Run(fmt.Sprintf("%dKB/%s", len(testkit.StateEvent(items))/1000, encoding), func(b *testing.B) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
				g := Group{Compress: true, WriteTimeout: time.Minute}
				f := NewFeed(FeedConfig{})
				defer f.Close(nil)
				var sent atomic.Int64
				last := Plain(mustFrame(b, "1", "", lastData))
				var state Piece
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if s, err := g.Open(w, r); err == nil {
						s.Start(append([]Piece{state}, last...), f, 0, func(error) { sent.Add(s.Sent()) })
					}
				}))
				defer server.Close()
				cpu := processorTime(b)
				for b.Loop() {
					state = Compressible(testkit.StateEvent(items)) // compressed again
					if err := read(b, server, readers, encoding).Wait(); err != nil {
						b.Fatal(err)
					}
				}
				cpu = processorTime(b) - cpu
				f.Close(nil)
				if err := g.Shutdown(b.Context()); err != nil {
					b.Fatal(err)
				}
				started := float64(b.N * readers)
				b.ReportMetric(cpu.Seconds()*1e6/started, "cpu-µs/stream")
				b.ReportMetric(float64(sent.Load())/started, "B/stream")
			})
		}
	}
}

// BenchmarkWake wakes 1,000 streams that do nothing. On one core they run after Wake has returned, so their time can be
// subtracted.
func BenchmarkWake(b *testing.B) {
	const streams = 1000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	f := NewFeed(FeedConfig{})
	var awake sync.WaitGroup
	for range streams {
		s := &Stream{wakeup: make(chan struct{}, 1)}
		if err := f.subscribe(&subscription{stream: s, cursor: cursor{feed: f}}); err != nil {
			b.Fatal(err)
		}
		defer close(s.wakeup)
		go func() {
			for range s.wakeup {
				awake.Done()
			}
		}()
	}
	var waking time.Duration
	b.ReportAllocs()
	for b.Loop() {
		awake.Add(streams)
		f.mu.Lock()
		f.wakePaid = time.Time{} // no delay between wake-ups
		f.mu.Unlock()
		start := time.Now()
		f.Wake()
		waking += time.Since(start)
		awake.Wait()
	}
	b.ReportMetric(float64(waking.Nanoseconds())/float64(b.N)/streams, "wake-ns/stream")
}
