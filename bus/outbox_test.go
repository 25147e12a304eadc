package bus

import "testing"

func TestOutboxKeepsTheOrder(t *testing.T) {
	o := newOutbox()
	for _, subject := range []string{"a", "b"} {
		if why := o.put(outgoing{address: address{subject: subject}}); why != "" {
			t.Fatal(why)
		}
	}
	<-o.wake
	if queue, open := o.take(); !open || len(queue) != 2 || queue[0].subject != "a" || queue[1].subject != "b" {
		t.Errorf("took %v", queue)
	}
}

func TestOutboxIsBounded(t *testing.T) {
	large, o := make([]byte, 1<<20), newOutbox()
	for range maxOutboxBytes / len(large) {
		if why := o.put(outgoing{data: large}); why != "" {
			t.Fatal(why)
		}
	}
	if why := o.put(outgoing{data: []byte("x")}); why != bufferFull {
		t.Errorf("more bytes than the limit: %q", why)
	}
	o.take()
	for range maxOutboxMessages {
		if why := o.put(outgoing{}); why != "" {
			t.Fatal(why)
		}
	}
	if why := o.put(outgoing{}); why != bufferFull {
		t.Errorf("more messages than the limit: %q", why)
	}
}

func TestClosedOutboxGivesWhatItHas(t *testing.T) {
	o := newOutbox()
	o.put(outgoing{})
	o.close()
	if why := o.put(outgoing{}); why != disconnected {
		t.Errorf("put after close: %q", why)
	}
	<-o.wake
	if queue, open := o.take(); len(queue) != 1 || open {
		t.Errorf("took %d messages, open: %t", len(queue), open)
	}
}
