package bus

import (
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/bustest"
)

func TestEmbeddedNATSIsABus(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(t *testing.T, servers int) []core.Bus { return asCore(openEmbedded(t, servers)) })
}

func TestExistingNATSIsABus(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(t *testing.T, servers int) []core.Bus {
		return openExisting(t, servers, startNATS(t, func(o *natsserver.Options) { o.Username, o.Password = "user", "pass/word" }), "user:pass%2Fword@")
	})
}

func TestNATSOfThisMachineIsABus(t *testing.T) {
	t.Parallel()
	address := debianNATS(t)
	bustest.Run(t, func(t *testing.T, servers int) []core.Bus { return openExisting(t, servers, address, "") })
}

func openExisting(t *testing.T, servers int, address, user string) []core.Bus {
	var buses []*Bus
	for range servers {
		buses = append(buses, newBus(t, Options{URL: strings.Replace(address, "://", "://"+user, 1)}))
	}
	introduce(buses...)
	return asCore(buses)
}

func TestServersThatKnowEachOtherBecomeHealthy(t *testing.T) {
	t.Parallel()
	buses := openEmbedded(t, 3)
	eventuallyHealthy(t, true, buses...)
	for _, b := range buses {
		if s := b.Stats(); s.Servers != 2 || s.Reached != 2 || !s.Connected || !s.Healthy || len(s.Dropped) != 0 {
			t.Errorf("stats: %+v", s)
		}
		if _, _, dropped := b.Messages(); len(dropped) != 8 {
			t.Errorf("before a message is dropped, the reasons are %v", dropped)
		}
	}
	late := newBus(t, Options{})
	all := slices.Concat(buses, []*Bus{late})
	introduce(all...)
	eventuallyHealthy(t, true, all...)
}

func TestServerWithoutOthersIsHealthy(t *testing.T) {
	t.Parallel()
	b := newBus(t, Options{})
	b.SetServers(nodes(b))
	eventuallyHealthy(t, true, b)
}

func TestServerThatCannotBeReachedIsNoticed(t *testing.T) {
	t.Parallel()
	b := newBus(t, Options{})
	dead := core.Node{ID: strings.Repeat("a", senderBytes), Address: "127.0.0.1:1", Epoch: testEpoch}
	b.SetServers(append(nodes(b), dead))
	if b.Healthy() {
		t.Error("the bus is healthy without the other server")
	}
	dead.Age = liveAge
	b.SetServers(append(nodes(b), dead))
	eventuallyHealthy(t, true, b) // its heartbeat in the database is old
}

func TestServerThatEndsIsMissedUntilItIsRemoved(t *testing.T) {
	t.Parallel()
	buses := openEmbedded(t, 3)
	eventuallyHealthy(t, true, buses...)
	buses[2].Close()
	eventuallyHealthy(t, false, buses[:2]...)
	introduce(buses[:2]...)
	eventuallyHealthy(t, true, buses[:2]...)
}

func TestEmbeddedNATSListensOnlyWhereTold(t *testing.T) {
	t.Parallel()
	b := newBus(t, Options{})
	if a := b.embedded.server.Addr(); a != nil {
		t.Errorf("NATS listens for clients on %s", a)
	}
	if a := b.embedded.server.ClusterAddr(); a.IP.String() != "127.0.0.1" || a.String() != b.Address() {
		t.Errorf("NATS listens for servers on %s; the address is %s", a, b.Address())
	}
	if strings.Contains(b.Address(), ":0") {
		t.Errorf("the address %s has no port", b.Address())
	}
}

func TestAdvertisedAddressIsGivenToOthers(t *testing.T) {
	t.Parallel()
	b := newBus(t, Options{Listen: "127.0.0.1:0", Advertise: "pathsync-1.example:6222"})
	if got := b.Address(); got != "pathsync-1.example:6222" {
		t.Errorf("the address is %s", got)
	}
}

func TestOpenFailsWhenThePortIsInUse(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	o := Options{Listen: listener.Addr().String(), Database: "database", Secret: []byte(testSecret)}
	b, err := Open(t.Context(), o)
	if err == nil {
		b.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("the error is %v", err)
	}
}

func TestServersOfOneDatabaseDoNotHearThoseOfAnother(t *testing.T) {
	t.Parallel()
	address := startNATS(t, func(*natsserver.Options) {})
	var box [3]received
	var buses []*Bus
	for i, database := range []string{"one", "two", "two"} {
		b := newBus(t, Options{URL: address, Database: database})
		b.Handle("news", box[i].handle)
		buses = append(buses, b)
	}
	introduce(buses[1:]...)
	buses[0].SetServers(nodes(buses[0]))
	eventuallyHealthy(t, true, buses...)
	buses[1].Publish("news", []byte("two"))
	bustest.Eventually(t, "the message arrives", func() bool { return box[2].count() == 1 })
	if box[0].count() > 0 || len(buses[0].Stats().Dropped) > 0 {
		t.Errorf("the server of another database received %d messages and dropped %v", box[0].count(), buses[0].Stats().Dropped)
	}
}

func TestUnreachableNATSIsConnectedLater(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	listener.Close()
	var text logs
	b := newBus(t, Options{URL: (&url.URL{Scheme: "nats", User: url.UserPassword("user", "hidden"), Host: address.String()}).String(), Log: text.logger()})
	b.SetServers(nodes(b))
	b.Publish("news", []byte("lost"))
	if s := b.Stats(); s.Healthy || s.Connected || s.Dropped["disconnected"] != 1 || s.Published != 0 {
		t.Errorf("without NATS: %+v", s)
	}
	if got := b.MaxMessage(); got < 1<<19 {
		t.Errorf("without NATS, messages have at most %d bytes", got)
	}
	startNATS(t, func(o *natsserver.Options) { o.Port = address.Port })
	eventuallyHealthy(t, true, b)
	if !strings.Contains(text.String(), "NATS cannot be reached") || strings.Contains(text.String(), "hidden") {
		t.Errorf("the log is:\n%s", text.String())
	}
}

func TestInvalidURLIsReportedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), Options{URL: "nats://user:hidden@host:port", Database: "database", Secret: []byte(testSecret)})
	if err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("the error is %v", err)
	}
}

func TestLimitOfTheNATSServerLimitsMessages(t *testing.T) {
	t.Parallel()
	b := newBus(t, Options{URL: startNATS(t, func(o *natsserver.Options) { o.MaxPayload = 4096 })})
	if got := b.MaxMessage(); got != 4096-maxHead-maxPartHead {
		t.Errorf("messages have at most %d bytes", got)
	}
	b.Publish("news", make([]byte, 4096))
	if s := b.Stats(); s.Dropped["too_large"] != 1 {
		t.Errorf("dropped: %v", s.Dropped)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	secret := []byte(testSecret)
	for name, o := range map[string]Options{
		"no address":                       {Database: "d", Secret: secret},
		"no database":                      {Listen: "127.0.0.1:0", Secret: secret},
		"short secret":                     {Listen: "127.0.0.1:0", Database: "d", Secret: secret[:15]},
		"long epoch":                       {Listen: "127.0.0.1:0", Database: "d", Secret: secret, Epoch: strings.Repeat("e", 65)},
		"existing and embedded":            {URL: "nats://127.0.0.1", Listen: "127.0.0.1:0", Database: "d", Secret: secret},
		"no port":                          {Listen: "127.0.0.1", Database: "d", Secret: secret},
		"invalid port":                     {Listen: "127.0.0.1:65536", Database: "d", Secret: secret},
		"all addresses, none for others":   {Listen: ":6222", Database: "d", Secret: secret},
		"all addresses, none for others 4": {Listen: "0.0.0.0:6222", Database: "d", Secret: secret},
		"all addresses, none for others 6": {Listen: "[::]:6222", Database: "d", Secret: secret},
		"invalid address for others":       {Listen: ":6222", Advertise: "host", Database: "d", Secret: secret},
	} {
		if err := o.validate(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, o := range map[string]Options{
		"an address":    {Listen: "10.0.0.1:6222"},
		"a name":        {Advertise: "pathsync-1.example:6222"},
		"all addresses": {Listen: ":6222", Advertise: "10.0.0.1:7000"},
		"existing":      {URL: "tls://user:password@nats-1:4222,nats-2:4222"},
	} {
		o.Database, o.Secret = "d", secret
		if err := o.validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// received counts messages.
type received struct{ n atomic.Int64 }

func (r *received) handle(string, []byte, func([]byte)) { r.n.Add(1) }
func (r *received) count() int64                        { return r.n.Load() }
