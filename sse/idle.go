package sse

// States of a stream that is not served by its handler. The owner is the goroutine that sends: the stream's own, or a pump
// worker. Only the owner uses the fields that are not atomic.
const (
	owned      = iota // also before Start
	ownedWoken        // the owner has to look again for something to send
	idle              // no owner: nothing is pending
)

// wake tells the stream that there may be something to do.
func (s *Stream) wake() {
	if s.wakeup != nil {
		select {
		case s.wakeup <- struct{}{}:
		default: // it has a token
		}
		return
	}
	for {
		switch s.state.Load() {
		case idle:
			if s.state.CompareAndSwap(idle, owned) {
				s.group.pump.push(s)
				return
			}
		case owned:
			if s.state.CompareAndSwap(owned, ownedWoken) {
				return
			}
		default:
			return
		}
	}
}

// rest is called when nothing is pending. It returns false when there may be something to do. If it returns true, the stream
// has no owner any more, and the caller must not use it. The reader has received everything, so its rate does not count until
// the next write.
func (s *Stream) rest() bool {
	if s.wakeup != nil {
		s.transfer.meter.Rest()
		<-s.wakeup
		return false
	}
	s.transfer = nil
	return s.park()
}

// park gives up the ownership, unless the stream was woken meanwhile.
func (s *Stream) park() bool {
	if s.state.CompareAndSwap(owned, idle) {
		return true
	}
	s.state.Store(owned)
	return false
}

// isDirect reports whether pump workers write to the connection: nothing has to be kept between two writes.
func (s *Stream) isDirect() bool { return s.socket.poller != nil && s.mux == nil && s.sendsFrames() }
