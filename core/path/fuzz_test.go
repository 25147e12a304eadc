package path

import (
	"reflect"
	"testing"
)

func FuzzPathSurvivesCanonicalText(f *testing.F) {
	for _, s := range []string{
		"", "a", "a.b", "[a]", "a[b].c[d][e]", `a\.b`, `[a.b\]]`, "a..b", "[][", "__proto__", "[__proto__]", `\`, "😀[é]", "\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		canonical := p.String()
		again, err := Parse(canonical)
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("%q: %v became %q, which reads as %v, %v", text, p, canonical, again, err)
		}
		if again.String() != canonical {
			t.Fatalf("%q has two canonical texts", text)
		}
	})
}
