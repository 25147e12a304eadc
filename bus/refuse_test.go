package bus

import (
	"crypto/tls"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/bustest"
)

func TestEmbeddedServerWithAnotherSecretIsRefusedAndBothLogIt(t *testing.T) {
	t.Parallel()
	var texts [2]logs
	ours := newBus(t, Options{Log: texts[0].logger()})
	theirs := newBus(t, Options{Log: texts[1].logger(), Secret: []byte("another secret of 16")})
	introduce(ours, theirs)
	for i := range texts {
		bustest.Eventually(t, "the refusal is logged", func() bool { return strings.Contains(texts[i].String(), "their secrets differ") })
	}
	for i, b := range []*Bus{ours, theirs} {
		if s := b.Stats(); s.Healthy || s.Reached != 0 || b.embedded.server.NumRoutes() != 0 {
			t.Errorf("server %d has %d connections: %+v", i, b.embedded.server.NumRoutes(), s)
		}
		for line := range strings.Lines(texts[i].String()) {
			if strings.Contains(line, "level=ERROR") {
				t.Errorf("server %d logs %s", i, line)
			}
		}
	}
}

func TestClientsCannotUseThePortForServers(t *testing.T) {
	t.Parallel()
	b := newBus(t, Options{})
	for name, config := range map[string]*tls.Config{
		"without a certificate":      {InsecureSkipVerify: true},
		"with another's certificate": {InsecureSkipVerify: true, Certificates: routeTLS([]byte("another secret of 16"), "database").Certificates},
	} {
		conn, err := tls.Dial("tcp", b.Address(), config)
		if err != nil {
			continue
		}
		conn.SetDeadline(time.Now().Add(startTimeout))
		if n, err := conn.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %d bytes were received: %v", name, n, err)
		}
		conn.Close()
	}
	if _, err := nats.Connect("nats://"+b.Address(), nats.Timeout(time.Second)); err == nil {
		t.Error("a NATS client was accepted")
	}
}

// With an existing NATS, servers receive each other's messages and refuse them.
func TestMessagesOfStrangersAreDroppedAndBothLogIt(t *testing.T) {
	t.Parallel()
	for name, stranger := range map[reason]Options{
		otherSecret: {Secret: []byte("another secret of 16")},
		otherEpoch:  {Epoch: "epoch-2"},
	} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			var texts [2]logs
			var box received
			address := startNATS(t, func(*natsserver.Options) {})
			ours := newBus(t, Options{URL: address, Log: texts[0].logger()})
			ours.Handle("news", box.handle)
			stranger.URL, stranger.Log = address, texts[1].logger()
			theirs := newBus(t, stranger)
			introduce(ours, theirs)
			theirs.Publish("news", []byte("news"))
			for i, b := range []*Bus{ours, theirs} {
				bustest.Eventually(t, "heartbeats are dropped", func() bool { return b.Stats().Dropped[string(name)] > 1 })
				if got := strings.Count(texts[i].String(), "reason="+string(name)); got != 1 {
					t.Errorf("server %d logged %d lines:\n%s", i, got, texts[i].String())
				}
				if b.Healthy() {
					t.Errorf("server %d is healthy", i)
				}
			}
			if box.count() > 0 {
				t.Error("a stranger's message was received")
			}
		})
	}
}

func TestVersionThatIsNotUnderstoodIsDropped(t *testing.T) {
	t.Parallel()
	address := startNATS(t, func(*natsserver.Options) {})
	ours, theirs := newBus(t, Options{URL: address}), newBus(t, Options{URL: address})
	theirs.Close()
	newer := newCodec([]byte(testSecret), "database", theirs.Server(), testEpoch)
	newer.protocol, newer.oldest = core.Protocol+1, core.Protocol+1
	publish(t, ours, address, ours.subjectAll(topicHeartbeat), newer.encode(withSubject(ours.subjectAll(topicHeartbeat)), nil))
	bustest.Eventually(t, "the message is dropped", func() bool { return ours.Stats().Dropped["other_version"] == 1 })
}

func TestGarbageIsDroppedAndCounted(t *testing.T) {
	t.Parallel()
	address := startNATS(t, func(*natsserver.Options) {})
	ours := newBus(t, Options{URL: address})
	var box received
	ours.Handle("news", box.handle)
	for _, subject := range []string{ours.subjectAll("news"), ours.subjectOf(ours.Server(), "news"), ours.subjectRe(ours.Server(), alice, "news")} {
		publish(t, ours, address, subject, []byte("garbage"))
		publish(t, ours, address, subject, nil)
	}
	bustest.Eventually(t, "all is dropped", func() bool { return ours.Stats().Dropped["malformed"] == 6 })
	if box.count() > 0 {
		t.Error("garbage was received")
	}
}

// A message that is repeated to the server that sent it is ignored.
func TestOwnMessageThatComesBackIsIgnored(t *testing.T) {
	t.Parallel()
	address := startNATS(t, func(*natsserver.Options) {})
	ours := newBus(t, Options{URL: address})
	var box received
	ours.Handle("news", box.handle)
	subject := ours.subjectAll("news")
	publish(t, ours, address, subject, ours.codec.encode(withSubject(subject), nil))
	publish(t, ours, address, subject, nil)
	bustest.Eventually(t, "both have arrived", func() bool { return ours.Stats().Dropped["malformed"] == 1 })
	if s := ours.Stats(); box.count() > 0 || s.Received > 0 {
		t.Errorf("received: %+v", s)
	}
}

func TestEpochFollowsTheServersOwnDescription(t *testing.T) {
	t.Parallel()
	buses := openEmbedded(t, 2)
	eventuallyHealthy(t, true, buses...)
	next := nodes(buses...)
	for i := range next {
		next[i].Epoch = "epoch-2"
	}
	buses[0].SetServers(next)
	eventuallyHealthy(t, false, buses...)
	buses[1].SetServers(next)
	eventuallyHealthy(t, true, buses...)
}

func TestPanicOfAHandlerIsLoggedAndLaterMessagesArrive(t *testing.T) {
	t.Parallel()
	var text logs
	buses := []*Bus{newBus(t, Options{}), newBus(t, Options{Log: text.logger()})}
	introduce(buses...)
	buses[1].Handle("news", func(_ string, data []byte, respond func([]byte)) {
		if len(data) == 0 {
			panic("no data")
		}
		respond(data)
	})
	bustest.Connect(t, asCore(buses)...)
	buses[0].Publish("news", nil)
	got, err := buses[0].Request(t.Context(), buses[1].Server(), "news", []byte("data"))
	if err != nil || string(got) != "data" {
		t.Errorf("the response is %q: %v", got, err)
	}
	bustest.Eventually(t, "the panic is counted", func() bool { return buses[1].Stats().Panics == 1 })
	if !strings.Contains(text.String(), "no data") {
		t.Errorf("the log is:\n%s", text.String())
	}
}

func TestMessagesBeyondTheQueueOfASlowHandlerAreDropped(t *testing.T) {
	t.Parallel()
	buses := openEmbedded(t, 2)
	release, started := make(chan struct{}), make(chan struct{})
	var slow, fast received
	buses[1].Handle("slow", func(string, []byte, func([]byte)) {
		if slow.n.Add(1) == 1 {
			close(started)
			<-release
		}
	})
	buses[1].Handle("fast", fast.handle)
	bustest.Connect(t, asCore(buses)...)
	large := make([]byte, buses[0].MaxMessage())
	buses[0].Publish("slow", nil)
	<-started
	sent := int64(1)
	for ; sent < 2*maxWaitingBytes/int64(len(large)); sent++ {
		buses[0].Publish("slow", large)
		want := sent // one message after the other, so that no other queue is full
		buses[0].Publish("fast", nil)
		bustest.Eventually(t, "another topic is not affected", func() bool { return fast.count() == want })
	}
	dropped := int64(buses[1].Stats().Dropped["queue_full"])
	if dropped == 0 {
		t.Error("no message was dropped")
	}
	close(release)
	bustest.Eventually(t, "the others are received", func() bool { return slow.count()+dropped == sent })
}

func withSubject(subject string) address { return address{subject: subject} }

// publish sends a message past the buses, to a server that has subscribed.
func publish(t *testing.T, to *Bus, url, subject string, data []byte) {
	t.Helper()
	if err := to.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Publish(subject, data); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
}
