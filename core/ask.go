package core

import (
	"context"
	"time"
)

// askTimeout limits how long Ask waits for the other servers.
const askTimeout = time.Second

// Respond sets the function that answers the questions of other servers about a topic, see Ask. respond may block until ctx
// ends.
func (h *Hub) Respond(topic string, respond func(ctx context.Context, question []byte) []byte) {
	c := h.cluster
	if c.bus == nil {
		return
	}
	c.bus.Handle("ask-"+topic, func(_ string, data []byte, answer func([]byte)) {
		err := c.serve(func() {
			ctx, cancel := context.WithTimeout(h.ctx, askTimeout)
			defer cancel()
			answer(respond(ctx, data))
		})
		if err != nil {
			answer(nil)
		}
	})
}

// Ask asks all other servers a question, and reports whether one of them gave an answer that accept accepts. accept is called
// by one goroutine at a time, and not again after it has returned true.
func (h *Hub) Ask(ctx context.Context, topic string, question []byte, accept func(answer []byte) bool) bool {
	c := h.cluster
	servers := c.members.Load().others()
	if c.bus == nil || len(servers) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	answers := make(chan []byte, len(servers))
	for _, server := range servers {
		go func() {
			answer, _ := c.bus.Request(ctx, server, "ask-"+topic, question)
			answers <- answer
		}()
	}
	accepted := false
	for range servers { // all of them end with ctx
		if answer := <-answers; !accepted && answer != nil && accept(answer) {
			accepted = true
			cancel()
		}
	}
	return accepted
}
