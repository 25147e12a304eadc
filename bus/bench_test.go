package bus

import (
	"context"
	"testing"

	"github.com/pathsync/pathsync/core/bustest"
)

// BenchmarkEmbedded sends messages of 300 bytes between two embedded servers of this process.
func BenchmarkEmbedded(b *testing.B) {
	buses := []*Bus{newBus(b, Options{}), newBus(b, Options{})}
	introduce(buses...)
	received := make(chan struct{}, maxOutboxMessages)
	data := make([]byte, 300)
	buses[1].Handle("news", func(_ string, data []byte, respond func([]byte)) {
		received <- struct{}{}
		respond(data)
	})
	bustest.Connect(b, asCore(buses)...)
	request := func(b *testing.B) {
		if _, err := buses[0].Request(context.Background(), buses[1].Server(), "news", data); err != nil {
			b.Fatal(err)
		}
		<-received
	}
	b.Run("request", func(b *testing.B) {
		for b.Loop() {
			request(b)
		}
	})
	b.Run("publish", func(b *testing.B) {
		const window = 1000 // messages on their way
		sent := 0
		for b.Loop() {
			if buses[0].Publish("news", data); sent >= window {
				<-received
			}
			sent++
		}
		for range min(sent, window) {
			<-received
		}
	})
}
