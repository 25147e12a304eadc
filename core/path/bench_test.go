package path

import "testing"

var benchmarkPaths = []struct{ name, text string }{
	{"key", "title"},
	{"item", "tasks[0b54dd6c-2c5a-4d3a-9d51-5f1f1f3c7a10].title"},
	{"nested", "tasks[0b54dd6c-2c5a-4d3a-9d51-5f1f1f3c7a10].subtasks[7d0e].assignee.name"},
	{"escaped", `files.read\.me[a\]b]`},
}

func BenchmarkParse(b *testing.B) {
	for _, bm := range benchmarkPaths {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(bm.text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkString(b *testing.B) {
	for _, bm := range benchmarkPaths {
		p, err := Parse(bm.text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = p.String()
			}
		})
	}
}
