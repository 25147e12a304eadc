package bus

import "testing"

func TestResponseOfAnotherServerIsIgnored(t *testing.T) {
	r := newRequests()
	id, response := r.open(alice)
	r.finish(id, bob, []byte("of bob"))
	r.finish("unknown", alice, []byte("lost"))
	r.finish(id, alice, []byte("of alice"))
	r.finish(id, alice, []byte("again"))
	if got := string(<-response); got != "of alice" || len(r.pending) != 0 {
		t.Errorf("the response is %q; %d requests are pending", got, len(r.pending))
	}
}

func TestRequestsEndWithoutAResponseWhenTheConnectionEnds(t *testing.T) {
	r := newRequests()
	_, response := r.open(alice)
	r.failAll()
	if got := <-response; got != nil || len(r.pending) != 0 {
		t.Errorf("the response is %q; %d requests are pending", got, len(r.pending))
	}
}
