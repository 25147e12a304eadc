package tree

import (
	"strings"
	"testing"
)

func TestParserKeepsNothingOfTheLastText(t *testing.T) {
	p := new(parser)
	p.data, p.maxDepth, p.pauseAt = []byte(`{"short":{"a":1},"`+strings.Repeat("n", 1<<20)+`":["x"]}`), 9, pausing
	if _, err := p.parse(); err != nil {
		t.Fatal(err)
	}
	p.release()
	names := 0
	for _, name := range p.names {
		names += len(name)
	}
	if p.data != nil || names > len("short")+len("a") {
		t.Errorf("the parser keeps %d bytes of the text, and %d of names", len(p.data), names)
	}
	for _, left := range p.parts[:cap(p.parts)] {
		if left != (part{}) {
			t.Errorf("the parser keeps %q", left.name)
		}
	}
}
