package budget

import "testing"

func TestResponsesWithTheOldestVersionAreCutOffBeyondTheBound(t *testing.T) {
	const size = 100 << 10
	v := newDocuments(3 * size)
	cut := map[string]int{}
	send := func(name string, documents ...[]byte) (done func()) {
		return v.Send(documents, func() { cut[name]++ })
	}
	document := func() []byte { return make([]byte, size) }
	one, two, three, four := document(), document(), document(), document()

	send("a", one, two)
	shared := send("b", two)
	send("c", three, make([]byte, 10)) // small documents do not count
	send("c2", three)
	if len(cut) != 0 || v.bytes != 3*size {
		t.Fatalf("within the bound, cut: %v; %d bytes", cut, v.bytes)
	}
	last := send("d", four)
	if cut["a"] != 1 || len(cut) != 1 || v.bytes != 3*size {
		t.Fatalf("past the bound, cut: %v; %d bytes", cut, v.bytes)
	}
	shared()
	shared()
	if v.bytes != 2*size {
		t.Errorf("%d bytes when two versions are being sent", v.bytes)
	}
	last()
	all := [][]byte{document(), document(), document(), document(), document()}
	send("large", all...)
	if cut["c"] != 1 || cut["c2"] != 1 || cut["large"] != 0 || v.bytes != 5*size {
		t.Errorf("a response that exceeds the bound alone: cut %v; %d bytes", cut, v.bytes)
	}
	send("large2", all...) // shares all versions
	if cut["large"] != 0 {
		t.Error("a response with the same versions is cut off")
	}
	send("e", one)
	if cut["large"] != 1 || cut["large2"] != 1 || v.bytes != size || v.order.Len() != 1 || len(v.versions) != 1 {
		t.Errorf("cut: %v; %d bytes of %d versions", cut, v.bytes, v.order.Len())
	}
}
