package packed_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core/packed"
)

func TestValuesAreReadAsTheyWereWritten(t *testing.T) {
	var m packed.Message
	ints := []int64{0, 1, -1, 63, 64, -64, -65, 1 << 40, math.MaxInt64, math.MinInt64}
	texts := []string{"", "a", "ä\x00\xff", strings.Repeat("x", 1000)}
	for _, n := range ints {
		m.Int(n)
	}
	for _, s := range texts {
		m.Text(s)
	}
	m.Bool(true)
	m.Bool(false)
	r := packed.Read(m)
	for _, n := range ints {
		if got := r.Int(); got != n {
			t.Errorf("got %d, want %d", got, n)
		}
	}
	for _, s := range texts {
		if got := r.Text(); got != s {
			t.Errorf("got %q, want %q", got, s)
		}
	}
	if !r.Bool() || r.Bool() || r.More() || r.Err() != nil {
		t.Error("the end is not as written")
	}
}

func TestTruncatedMessageIsGarbage(t *testing.T) {
	var m packed.Message
	m.Int(1 << 40)
	m.Text("text")
	m.Bool(true)
	for n := range m {
		r := packed.Read(m[:n])
		r.Int()
		r.Text()
		r.Bool()
		if !errors.Is(r.Err(), packed.ErrGarbage) {
			t.Errorf("the first %d bytes are accepted", n)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6})
	f.Fuzz(func(t *testing.T, message []byte) {
		r := packed.Read(message)
		for r.More() {
			switch r.Int() % 3 {
			case 0:
				r.Text()
			case 1:
				r.Bool()
			default:
				if n := r.Count(); n > len(message) {
					t.Errorf("%d values in %d bytes", n, len(message))
				}
			}
		}
	})
}
