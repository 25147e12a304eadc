package sse

import (
	"runtime"
	"sync"
)

// pump serves idle streams that were woken. It has no goroutine while no stream is queued. Its workers never block: a stream
// that cannot send everything at once gets a goroutine, which it gives up when it is idle again.
type pump struct {
	mu          sync.Mutex
	first, last *Stream // the queue, linked by Stream.next
	queued      int
	workers     int // running
	maxWorkers  int
	spare       []*worker
	running     sync.WaitGroup
}

const (
	// streamsPerWorker is how many queued streams justify another worker.
	streamsPerWorker = 64
	// workerBatch is how many streams a worker serves before it lets other goroutines run: about 100 µs.
	workerBatch = 16
)

// push queues a stream. The worker that takes it becomes its owner.
func (p *pump) push(s *Stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first == nil {
		p.first = s
	} else {
		p.last.next = s
	}
	p.last = s
	p.queued++
	if p.queued > p.workers*streamsPerWorker {
		p.startLocked()
	}
}

func (p *pump) startLocked() {
	if p.workers == 0 {
		p.maxWorkers = runtime.GOMAXPROCS(0)
	}
	if p.workers == p.maxWorkers {
		return
	}
	var w *worker
	if n := len(p.spare); n > 0 {
		w, p.spare = p.spare[n-1], p.spare[:n-1]
	} else {
		w = newWorker(p)
	}
	p.workers++
	p.running.Add(1)
	go w.loop()
}

// take fills a batch with queued streams. If there are none, the worker ends.
func (p *pump) take(w *worker) []*Stream {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for ; n < len(w.batch) && p.first != nil; n++ {
		w.batch[n] = p.first
		p.first, p.first.next = p.first.next, nil
	}
	p.queued -= n
	if n == 0 {
		p.workers--
		p.spare = append(p.spare, w)
	}
	return w.batch[:n]
}

// worker is one goroutine of a pump.
type worker struct {
	pump  *pump
	batch [workerBatch]*Stream
	loop  func() // run; a stored method value starts without an allocation
}

func newWorker(p *pump) *worker {
	w := &worker{pump: p}
	w.loop = w.run
	return w
}

func (w *worker) run() {
	defer w.pump.running.Done()
	for batch := w.pump.take(w); len(batch) > 0; batch = w.pump.take(w) {
		for i, s := range batch {
			w.serve(s)
			batch[i] = nil
		}
		runtime.Gosched()
	}
}

// serve sends what is pending, as far as the connection accepts it at once.
func (w *worker) serve(s *Stream) {
	if !s.isDirect() {
		go s.resume()
		return
	}
	sub := &s.subscriptions[0]
	for sent := 0; sent < maxWrite; {
		end := s.ending.Load()
		run, err := sub.pending()
		switch {
		case end != nil || err != nil || len(run) == 0 && sub.isLaterDue():
			go s.resume()
			return
		case len(run) == 0:
			sub.recordLatency()
			if s.park() {
				return
			}
			continue
		}
		run = run[:min(len(run), maxWrite)]
		began := sub.startWrite()
		n := s.socket.tryWrite(run)
		s.sent.Add(int64(n))
		sub.cursor.advance(n)
		if n < len(run) { // the connection is full, or broken
			go s.resume()
			return
		}
		sub.endWrite(began)
		sent += n
	}
	w.pump.push(s) // others first
}

// wait returns when all workers have ended. No stream must be queued afterwards.
func (p *pump) wait() { p.running.Wait() }
