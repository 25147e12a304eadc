package bus

import "time"

// sendBeats is the goroutine that sends the heartbeats.
func (b *Bus) sendBeats() {
	next := time.NewTimer(0)
	defer next.Stop()
	var last time.Time
	for {
		select {
		case <-next.C:
			last = time.Now()
			if b.connected.Load() {
				b.enqueue(outgoing{address: address{subject: b.subjectAll(topicHeartbeat)}, data: encodeBeat(b.hearing.list(last))})
			}
			next.Reset(beatInterval)
		case <-b.beatSoon:
			next.Reset(max(minBeatInterval-time.Since(last), 0))
		case <-b.ctx.Done():
			return
		}
	}
}

// hurryBeat sends the next heartbeat soon.
func (b *Bus) hurryBeat() {
	select {
	case b.beatSoon <- struct{}{}:
	default:
	}
}

func (b *Bus) receiveBeat(from string, data []byte, _ func([]byte)) {
	if b.hearing.record(time.Now(), from, decodeBeat(data)) {
		b.hurryBeat()
	}
}
