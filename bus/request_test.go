package bus

import "testing"

func TestResponseOfAnotherServerIsIgnored(t *testing.T) {
	r := newRequests()
	id, response := r.open(alice, "news")
	r.finish(id, bob, []byte("of bob"))
	r.finish(id+1, alice, []byte("lost"))
	r.finish(id, alice, []byte("of alice"))
	r.finish(id, alice, []byte("again"))
	if got := string(<-response); got != "of alice" || len(r.pending) != 0 {
		t.Errorf("the response is %q; %d requests are pending", got, len(r.pending))
	}
}

func TestRequestsEndWithoutAResponseWhenTheConnectionEnds(t *testing.T) {
	r := newRequests()
	_, response := r.open(alice, "news")
	r.failAll()
	if got, ok := <-response; ok || len(r.pending) != 0 {
		t.Errorf("the response is %q; %d requests are pending", got, len(r.pending))
	}
}

func TestOnlyRequestsThatTheServerDoesNotReceiveEndWithoutAResponse(t *testing.T) {
	r := newRequests()
	_, unread := r.open(alice, "news")
	id, read := r.open(alice, "weather")
	other, elsewhere := r.open(bob, "news")
	r.failServer(alice, "news")
	r.finish(id, alice, []byte("sun"))
	r.finish(other, bob, []byte("peace"))
	if _, ok := <-unread; ok {
		t.Error("the request has a response")
	}
	if string(<-read) != "sun" || string(<-elsewhere) != "peace" {
		t.Error("another request has no response")
	}
}
