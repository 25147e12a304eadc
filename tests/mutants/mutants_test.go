package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestEveryMutantCanBePlanted(t *testing.T) {
	names := map[string]bool{}
	for _, m := range mutants {
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(m.file)))
		if err != nil {
			t.Fatal(err)
		}
		changed, err := m.apply(string(text))
		if err != nil {
			t.Error(err)
		}
		if changed == string(text) || names[m.name] || len(m.kills) == 0 {
			t.Errorf("%s: it changes nothing, has the name of another one, or no check", m.name)
		}
		names[m.name] = true
		for _, name := range m.kills {
			if !slices.ContainsFunc(checks, func(c check) bool { return c.name == name }) {
				t.Errorf("%s: there is no check %q", m.name, name)
			}
		}
	}
}
