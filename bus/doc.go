// Package bus is a core.Bus over core NATS, without JetStream: messages are delivered at most once and are not stored.
//
// A bus either connects to an existing NATS (Options.URL) or has a NATS server in its process (Options.Listen). Servers with
// embedded NATS connect to each other; SetServers has their addresses.
//
//	b, err := bus.Open(ctx, bus.Options{Listen: "10.0.0.7:6222", Database: id, Epoch: epoch, Secret: secret})
//	hub := core.New(store, core.Config{Bus: b, Node: core.Node{Address: b.Address()}, Servers: b.SetServers})
//	…
//	b.Close()
//
// # Security
//
// Every message is encrypted and authenticated with AES-256-GCM, with a key that is derived from Options.Secret, the database
// and the sender. So an existing NATS, and its other clients, can neither read nor forge messages. They see subjects, sizes
// and times, and they can withhold, repeat and reorder messages, which the hub expects of any bus. Subjects are
// pathsync.<hash of the database>.>; a NATS with permissions has to permit them for publishing and subscribing.
//
// Connections between embedded servers use TLS 1.3. Both sides authenticate with a certificate whose key is derived from the
// secret, so there are no certificate files. The embedded server listens on Options.Listen only: its client port is not opened.
//
// # Health
//
// Each server publishes a heartbeat every second that lists the servers that it hears. A bus is healthy while it has heard
// every server of SetServers within the last 3 s, and each of them hears it. So a connection that is cut in one direction is
// noticed by both sides: by one within 3 s, by the other within 4 s.
package bus
