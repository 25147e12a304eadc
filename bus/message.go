package bus

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pathsync/pathsync/core"
)

// A message is
//
//	format, protocol, oldest protocol   1 byte each
//	sender                              26 bytes
//	epoch                               1 byte of length, and the text
//	counter                             8 bytes: the nonce; a sender uses each value once
//	a bundle                            encrypted, with 16 bytes of authentication
//
// All before the bundle, the subject and the reply subject are authenticated, too. format is the version of this layout. The other
// versions describe the data: core.Protocol and core.OldestProtocol of the sender.
const (
	format      = 2
	senderBytes = 26
	maxHead     = 3 + senderBytes + 1 + maxEpoch + 8 + 16
)

// reason says why a message was dropped. It is "" if it was not.
type reason string

// The reasons, as Stats has them.
const (
	malformed    reason = "malformed"     // not a message of a bus
	otherVersion reason = "other_version" // sender and receiver do not understand each other
	otherSecret  reason = "other_secret"  // or another database, or altered
	otherEpoch   reason = "other_epoch"
	queueFull    reason = "queue_full"  // received, and the handler was too slow
	bufferFull   reason = "buffer_full" // not sent, because the connection is too slow
	disconnected reason = "disconnected"
	tooLarge     reason = "too_large"
)

var reasons = []reason{malformed, otherVersion, otherSecret, otherEpoch, queueFull, bufferFull, disconnected, tooLarge}

// address is what NATS transports besides the message.
type address struct{ subject, reply string }

// codec encodes and decodes messages. It is safe for concurrent use.
type codec struct {
	secret   []byte
	database string
	sender   string
	seal     cipher.AEAD
	counter  atomic.Uint64
	epoch    atomic.Pointer[string]

	protocol, oldest byte

	mu   sync.Mutex
	keys map[string]cipher.AEAD // of senders whose messages were authentic
}

// maxKeys limits the cached keys. A key is derived again when it is not cached.
const maxKeys = 1024

func newCodec(secret []byte, database, sender, epoch string) *codec {
	c := &codec{secret: secret, database: database, sender: sender, protocol: core.Protocol, oldest: core.OldestProtocol, keys: map[string]cipher.AEAD{}}
	c.seal = c.key(sender)
	c.epoch.Store(&epoch)
	return c
}

// derive returns 32 bytes that depend on the secret and the purpose.
func derive(secret []byte, purpose ...string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, strings.Join(append([]string{"pathsync bus"}, purpose...), "\x00"), 32)
	if err != nil {
		panic(err) // the length is valid
	}
	return key
}

// key returns the key of a sender's messages. Each sender has its own, because nonces are counters.
func (c *codec) key(sender string) cipher.AEAD {
	block, err := aes.NewCipher(derive(c.secret, "messages", c.database, sender))
	if err != nil {
		panic(err) // the length is valid
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // the block size is valid
	}
	return aead
}

func (c *codec) encode(to address, data []byte) []byte {
	epoch := *c.epoch.Load()
	m := make([]byte, 0, maxHead+len(data))
	m = append(m, format, c.protocol, c.oldest)
	m = append(m, c.sender...)
	m = append(m, byte(len(epoch)))
	m = append(m, epoch...)
	m = binary.BigEndian.AppendUint64(m, c.counter.Add(1))
	nonce := m[len(m)-8:]
	return c.seal.Seal(m, pad(nonce), data, authenticated(m, to))
}

// decode checks a message and returns its sender and data. m is overwritten. The sender is known if the reason is not malformed.
// It is authentic if the reason is otherEpoch or "".
func (c *codec) decode(from address, m []byte) (sender string, data []byte, why reason) {
	const fixed = 3 + senderBytes + 1
	if len(m) < fixed || !validSender(m[3:3+senderBytes]) {
		return "", nil, malformed
	}
	sender = string(m[3 : 3+senderBytes])
	if m[0] != format || m[1] < c.oldest || m[2] > c.protocol {
		return sender, nil, otherVersion
	}
	epochEnd := fixed + int(m[fixed-1])
	if len(m) < epochEnd+8 {
		return "", nil, malformed
	}
	epoch, head, sealed := string(m[fixed:epochEnd]), m[:epochEnd+8], m[epochEnd+8:]

	c.mu.Lock()
	key, known := c.keys[sender]
	c.mu.Unlock()
	if !known {
		key = c.key(sender)
	}
	data, err := key.Open(sealed[:0], pad(head[epochEnd:]), sealed, authenticated(head, from))
	if err != nil {
		return sender, nil, otherSecret
	}
	if !known {
		c.remember(sender, key)
	}
	if epoch != *c.epoch.Load() {
		return sender, nil, otherEpoch
	}
	return sender, data, ""
}

func (c *codec) remember(sender string, key cipher.AEAD) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.keys) >= maxKeys {
		clear(c.keys)
	}
	c.keys[sender] = key
}

func authenticated(head []byte, a address) []byte {
	all := make([]byte, 0, len(head)+len(a.subject)+1+len(a.reply))
	all = append(all, head...)
	all = append(all, a.subject...)
	all = append(all, 0)
	return append(all, a.reply...)
}

// pad makes a counter a nonce of the size that GCM needs.
func pad(counter []byte) []byte { return append(make([]byte, 4, 12), counter...) }

// validSender reports whether a name is one that newName may return. It is logged and is part of subjects.
func validSender(name []byte) bool {
	for _, b := range name {
		if (b < 'a' || b > 'z') && (b < '2' || b > '7') {
			return false
		}
	}
	return len(name) == senderBytes
}
