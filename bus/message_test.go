package bus

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

const (
	alice = "alicealicealicealicealicea"
	bob   = "bobbobbobbobbobbobbobbobbo"
)

var news = address{"pathsync.1.to.b.news", "pathsync.1.re.a.7"}

func codecOf(sender string) *codec {
	return newCodec([]byte(testSecret), "database", sender, testEpoch)
}

func TestMessageIsReadByServersWithTheSameSecret(t *testing.T) {
	a, b := codecOf(alice), codecOf(bob)
	for _, data := range []string{"", "data", strings.Repeat("long", 1000)} {
		message := a.encode(news, []byte(data))
		if data != "" && bytes.Contains(message, []byte(data)) {
			t.Errorf("the message has its data in clear")
		}
		if over := len(message) - len(data); over > maxHead {
			t.Errorf("the message has %d bytes more than its data; at most %d are expected", over, maxHead)
		}
		sender, got, why := b.decode(news, message)
		if sender != alice || string(got) != data || why != "" {
			t.Errorf("decoded %q of %q: %q", got, sender, why)
		}
	}
}

func TestMessageIsRefused(t *testing.T) {
	original := codecOf(alice).encode(news, []byte("data"))
	change := func(offset int, to byte) []byte {
		m := slices.Clone(original)
		m[offset] = to
		return m
	}
	old := codecOf(alice)
	old.protocol, old.oldest = 2, 1
	for _, test := range []struct {
		name    string
		message []byte
		from    address
		change  func(*codec) // of the receiver
		want    reason
	}{
		{name: "nothing", want: malformed},
		{name: "text", message: []byte(strings.Repeat("Not a message. ", 10)), want: malformed},
		{name: "sender with a line feed", message: change(10, '\n'), want: malformed},
		{name: "cut in the epoch", message: original[:35], want: malformed},
		{name: "epoch longer than the message", message: change(29, 255), want: malformed},
		{name: "cut before the authentication", message: original[:3+senderBytes+1+len(testEpoch)+8], want: otherSecret},
		{name: "cut at the end", message: original[:len(original)-1], want: otherSecret},
		{name: "other layout", message: change(0, format+1), want: otherVersion},
		{name: "older than the receiver reads", message: original, change: func(c *codec) { c.protocol, c.oldest = 3, 2 }, want: otherVersion},
		{name: "newer than the receiver", message: change(2, 2), want: otherVersion},
		{name: "versions changed", message: change(1, 9), want: otherSecret},
		{name: "other sender", message: change(3, 'b'), want: otherSecret},
		{name: "epoch changed", message: change(30, 'E'), want: otherSecret},
		{name: "counter changed", message: change(3+senderBytes+1+len(testEpoch), 1), want: otherSecret},
		{name: "data changed", message: change(len(original)-17, original[len(original)-17]^1), want: otherSecret},
		{name: "other subject", message: original, from: address{"pathsync.1.to.c.news", news.reply}, want: otherSecret},
		{name: "other reply", message: original, from: address{news.subject, "pathsync.1.re.a.8"}, want: otherSecret},
		{name: "other secret", message: newCodec([]byte("another secret of 16"), "database", alice, testEpoch).encode(news, nil), want: otherSecret},
		{name: "other database", message: newCodec([]byte(testSecret), "copy", alice, testEpoch).encode(news, nil), want: otherSecret},
		{name: "other epoch", message: newCodec([]byte(testSecret), "database", alice, "epoch-2").encode(news, nil), want: otherEpoch},
		{name: "newer, and understood", message: old.encode(news, []byte("data"))},
		{name: "the original", message: original},
	} {
		receiver := codecOf(bob)
		if test.change != nil {
			test.change(receiver)
		}
		if test.from == (address{}) {
			test.from = news
		}
		sender, data, why := receiver.decode(test.from, slices.Clone(test.message))
		if why != test.want || why != "" && data != nil || why == malformed && sender != "" {
			t.Errorf("%s: decoded %q of %q: %q, want %q", test.name, data, sender, why, test.want)
		}
	}
}

func TestKeysOfStrangersAreNotCached(t *testing.T) {
	receiver, stranger := codecOf(bob), newCodec([]byte("another secret of 16"), "database", alice, testEpoch)
	receiver.decode(news, stranger.encode(news, nil))
	if len(receiver.keys) != 0 {
		t.Error("a stranger's key is cached")
	}
	for range maxKeys + 1 {
		receiver.remember(newName(), receiver.seal)
	}
	if len(receiver.keys) > maxKeys {
		t.Errorf("%d keys are cached", len(receiver.keys))
	}
}

func TestNewNameIsASender(t *testing.T) {
	if name := newName(); !validSender([]byte(name)) || name == newName() {
		t.Errorf("the name is %q", name)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(codecOf(alice).encode(news, []byte("data")))
	f.Add([]byte("text"))
	receiver := codecOf(bob)
	f.Fuzz(func(t *testing.T, message []byte) {
		original := slices.Clone(message)
		if sender, data, why := receiver.decode(news, message); why == "" && !bytes.Equal(original, codecOf(alice).encode(news, data)) {
			t.Errorf("a message that was not sent is accepted: %q of %q", data, sender)
		}
	})
}

func BenchmarkMessage(b *testing.B) {
	sender, receiver := codecOf(alice), codecOf(bob)
	data := make([]byte, 300)
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			sender.encode(news, data)
		}
	})
	b.Run("encode and decode", func(b *testing.B) {
		for b.Loop() {
			receiver.decode(news, sender.encode(news, data))
		}
	})
}
