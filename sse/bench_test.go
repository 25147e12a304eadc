package sse

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	r3labs "github.com/r3labs/sse/v2"
)

// The readers of a benchmark run in a process of their own, which is this one's binary: what the benchmark's process
// uses of the processor is then the server's. It is held to one core.
const readersEnv = "SSE_BENCHMARK_READERS" // "<address> <how many>"

func TestMain(m *testing.M) {
	if spec := os.Getenv(readersEnv); spec != "" {
		address, count, _ := strings.Cut(spec, " ")
		n, err := strconv.Atoi(count)
		if err == nil {
			err = readAll(address, n)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// lastData is the data of the event after which a reader leaves.
const lastData = "THE LAST ONE"

// readAll has n readers follow a stream. It says so when all have begun, and ends when all have got the last event.
func readAll(address string, n int) error {
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
			if err := readOne(conn, begin); err != nil {
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

func readOne(conn net.Conn, begin func()) error {
	if _, err := io.WriteString(conn, "GET /?stream=s HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
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
		begin()
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
	handler http.Handler
	publish func(data []byte)
	close   func()
}

func ours() broadcaster {
	var g Group
	f := NewFeed(FeedConfig{MaxBytes: 64 << 20}) // to measure it flat out, readers must not be let go
	var frame []byte
	seq := int64(0)
	return broadcaster{
		handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s, err := g.Open(w, r); err == nil {
				s.Start([][]byte{AppendComment(nil, "hello")}, f, f.End(), func(error) {})
			}
		}),
		publish: func(data []byte) {
			seq++
			frame, _ = AppendEvent(frame[:0], strconv.FormatInt(seq, 10), "delta", data)
			_ = f.Append(seq, frame)
			f.Wake()
		},
		close: func() { f.Close(nil) },
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
		close: server.Close,
	}
}

// BenchmarkFlatOut publishes to 1,000 readers as fast as it goes; an operation is one event to all of them. Beside our
// server is that of the library whose reader the tests use, since there has to be a reason for one of our own. This is
// the smaller one: readers that are behind get what they lack with one write, and not with one each. The larger is that
// a reader of theirs that stalls stops all the others, which TestAStalledReaderAmong200CostsNobodyAnything is about.
func BenchmarkFlatOut(b *testing.B) {
	for _, server := range []struct {
		name string
		make func() broadcaster
	}{{"ours", ours}, {"r3labs", theirs}} {
		b.Run(server.name, func(b *testing.B) { broadcast(b, server.make(), 1000, 0) })
	}
}

// BenchmarkPaced publishes at a steady pace, and reports how much of one core that takes. There is one write for each
// delivery here, whoever serves, and the write is nearly all of the cost.
func BenchmarkPaced(b *testing.B) {
	for _, load := range []struct{ readers, perSecond int }{{1000, 50}, {200, 250}} {
		for _, server := range []struct {
			name string
			make func() broadcaster
		}{{"ours", ours}, {"r3labs", theirs}} {
			name := fmt.Sprintf("%dx%d/%s", load.readers, load.perSecond, server.name)
			b.Run(name, func(b *testing.B) { broadcast(b, server.make(), load.readers, load.perSecond) })
		}
	}
}

// broadcast publishes b.N events of about 200 bytes to so many readers, and waits until they have them all.
func broadcast(b *testing.B, s broadcaster, readers, perSecond int) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	server := httptest.NewServer(s.handler)
	defer server.Close()
	defer s.close()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", readersEnv, server.Listener.Addr(), readers))
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
	err = child.Wait()
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

// processorTime is what this process has used so far, in the kernel too.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWake wakes 1,000 streams that do nothing but go to sleep again. On one core they begin after Wake is done,
// so that its own time can be told from theirs.
func BenchmarkWake(b *testing.B) {
	const streams = 1000
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	f := NewFeed(FeedConfig{})
	var awake sync.WaitGroup
	for range streams {
		s := &Stream{wake: make(chan struct{}, 1)}
		if err := f.join(&subscription{stream: s, cursor: cursor{feed: f}}); err != nil {
			b.Fatal(err)
		}
		defer close(s.wake)
		go func() {
			for range s.wake {
				awake.Done()
			}
		}()
	}
	var waking time.Duration
	b.ReportAllocs()
	for b.Loop() {
		awake.Add(streams)
		start := time.Now()
		f.Wake()
		waking += time.Since(start)
		awake.Wait()
	}
	b.ReportMetric(float64(waking.Nanoseconds())/float64(b.N)/streams, "wake-ns/stream")
}
