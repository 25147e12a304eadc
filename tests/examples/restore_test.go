package examples

import (
	"fmt"
	"testing"
)

func TestAcknowledgedBatchThatARestoredBackupLacksIsRepeated(t *testing.T) {
	t.Parallel()
	eachClient(t, func(t *testing.T, command []string) {
		s := startServer(t)
		p := startProxy(t, s)
		c := startClient(t, p.URL, command...)
		before := s.get().Epoch
		c.send(document)
		c.at(before, 1)
		s.stop()
		backup := s.backUp()
		s.start()
		c.send(`[{"op":"set","path":"read","value":true}]`)
		c.at(before, 2)

		p.block(true)
		c.send(`[{"op":"set","path":"unread","value":true}]`)
		p.await(t, answer{"POST", 200}, answer{"POST", 200}, answer{"POST", 200})
		s.stop()
		s.restore(backup)
		s.start()
		p.block(false)

		after := s.get().Epoch
		state, _ := c.at(after, 2).(map[string]any)
		if after == before || state["unread"] != true || state["read"] != nil {
			t.Errorf("after epoch %s came %s, and the document is %s", before, after, fmt.Sprint(state))
		}
		c.process.Line(t, c.process.Stderr, "the history was replaced")
		c.finish()
	})
}
