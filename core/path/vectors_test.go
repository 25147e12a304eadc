package path

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"
)

func TestVectors(t *testing.T) {
	text, err := os.ReadFile("../../tests/vectors/paths.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Valid []struct {
			Name, Text, Canonical string
			Segments              []struct{ Key, Item string } // one of the two
		}
		Invalid []struct{ Name, Text string }
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.Valid) == 0 || len(vectors.Invalid) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range vectors.Valid {
		t.Run(v.Name, func(t *testing.T) {
			var want Path
			for _, s := range v.Segments {
				want = append(want, Segment{Name: s.Key + s.Item, Item: s.Item != ""})
			}
			for _, text := range []string{v.Text, v.Canonical} {
				p, err := Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(p, want) || p.String() != v.Canonical {
					t.Errorf("%q reads as %q, canonically %q; want %q, %q", text, p, p.String(), want, v.Canonical)
				}
			}
		})
	}
	for _, v := range vectors.Invalid {
		t.Run(v.Name, func(t *testing.T) {
			if p, err := Parse(v.Text); err == nil {
				t.Errorf("%q reads as %q", v.Text, p)
			}
		})
	}
}
