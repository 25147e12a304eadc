package tree

import (
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestArrayWithoutObjectsIsStoredAsText(t *testing.T) {
	for text, want := range map[string]struct {
		flat   bool
		length int
	}{
		`[1]`:                       {true, 1},
		` [ 1 , "a\u0041" , [ ] ] `: {true, 3},
		`[[[true]],[false,null]]`:   {true, 2},
		`["{", "[\"]"]`:             {true, 2},
		`[]`:                        {false, 0},
		`[{}]`:                      {false, 1},
		`[1,[2,[{}],3]]`:            {false, 2},
		`[[1],{"a":[2]}]`:           {false, 2},
	} {
		v, err := Parse([]byte(text), 10)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		a := v.(*Array)
		if flat := a.flat != ""; flat != want.flat || a.Len() != want.length {
			t.Errorf("%s: flat %v, %d elements", text, flat, a.Len())
		}
		n := 0
		for range a.Values() {
			n++
		}
		if n != want.length {
			t.Errorf("%s yields %d elements", text, n)
		}
	}
}

func TestDepthOfFlatArrayCountsItsArrays(t *testing.T) {
	for text, want := range map[string]int{`[1]`: 1, `["[[[","\\\"[["]`: 1, `[[1],[[]],2]`: 3} {
		v, err := Parse([]byte(text), 10)
		if err != nil {
			t.Fatal(err)
		}
		if got := flatDepth(v.(*Array).flat); got != want {
			t.Errorf("%s is %d deep, want %d", text, got, want)
		}
		if _, err := Parse([]byte(text), want); err != nil {
			t.Errorf("%s within %d: %v", text, want, err)
		}
		if _, err := Parse([]byte(text), want-1); err == nil {
			t.Errorf("%s is read within %d", text, want-1)
		}
	}
}

// A parser that tries each of the arrays as a flat one reads the elements a thousand times. The test compares with a single
// array, so that it does not depend on the speed of the machine.
func TestNestedArraysAreParsedInLinearTime(t *testing.T) {
	fastest := func(depth int) (best time.Duration) {
		text := []byte(strings.Repeat("[", depth) + strings.Repeat("1,", 200_000) + "{}" + strings.Repeat("]", depth))
		for range 3 {
			began := time.Now()
			if _, err := Parse(text, depth+1); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); best == 0 || took < best {
				best = took
			}
		}
		return best
	}
	if one, many := fastest(1), fastest(1000); many > 30*one {
		t.Errorf("one array takes %v, and 1,000 nested ones %v", one, many)
	}
}

func TestParsingFlatArrayTakesLittleMoreThanItsText(t *testing.T) {
	for name, text := range map[string]string{
		"valid":   `[` + strings.Repeat("1,", 500_000) + `1]`,
		"invalid": `[` + strings.Repeat("1,", 500_000) + `x]`,
		"texts":   `[` + strings.Repeat(`"",`, 300_000) + `1]`,
	} {
		data := []byte(text)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = Parse(data, 10)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > uint64(8*len(data)) {
			t.Errorf("%s: %d bytes are allocated for %d", name, took, len(data))
		}
	}
}

func TestReadingSmallFlatArrayDoesNotYield(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	v, err := Parse([]byte(`[1,2]`), 10)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	var turns atomic.Int64
	var stop atomic.Bool
	go func() {
		defer close(ended)
		for !stop.Load() {
			turns.Add(1)
			runtime.Gosched()
		}
	}()
	for range 1000 {
		readElements(v.(*Array).flat)
	}
	n := turns.Load()
	stop.Store(true)
	<-ended
	if n > 100 { // the scheduler may preempt the reads
		t.Errorf("other goroutines run %d times during 1,000 reads", n)
	}
}
