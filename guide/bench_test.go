package guide

import "testing"

func BenchmarkRender(b *testing.B) {
	for b.Loop() {
		if _, err := New(repositoryFiles, "1"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	s, err := New(repositoryFiles, "1")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Search("database backup"); err != nil {
			b.Fatal(err)
		}
	}
}
