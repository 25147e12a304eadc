package docs

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"os/exec"
	"strings"
	"testing"

	"github.com/pb33f/go-yaml"
)

// block is a code block of a page.
type block struct {
	language, text string
	line           int // of its beginning
}

// blocks returns the code blocks of a page in a language; "" for all.
func blocks(t *testing.T, page, language string) []block {
	t.Helper()
	var found []block
	var current *block
	indent, number := "", 0
	for line := range strings.Lines(read(t, page)) {
		number++
		fence, ok := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case ok && current == nil:
			current = &block{language: fence, line: number}
			indent = line[:len(line)-len(strings.TrimLeft(line, " "))]
		case ok:
			if language == "" || current.language == language {
				found = append(found, *current)
			}
			current = nil
		case current != nil:
			current.text += strings.TrimPrefix(line, indent)
		}
	}
	return found
}

func TestCodeBlocksAreWellFormed(t *testing.T) {
	checked := map[string]int{}
	for _, page := range files(t, ".md") {
		for _, b := range blocks(t, page, "") {
			var err error
			switch b.language {
			case "json":
				err = checkJSON(b.text)
			case "go":
				err = checkGo(b.text)
			case "yaml":
				var value any
				err = yaml.Unmarshal([]byte(b.text), &value)
			case "sh":
				check := exec.CommandContext(t.Context(), "bash", "-n")
				check.Stdin = strings.NewReader(b.text)
				var said []byte
				if said, err = check.CombinedOutput(); len(said) > 0 {
					t.Errorf("%s:%d: %s", page, b.line, said)
				}
			default:
				continue
			}
			checked[b.language]++
			if err != nil {
				t.Errorf("%s:%d: %v\n%s", page, b.line, err, b.text)
			}
		}
	}
	for _, language := range []string{"json", "go", "yaml", "sh"} {
		if checked[language] < 2 {
			t.Errorf("only %d blocks are %s", checked[language], language)
		}
	}
}

// checkJSON checks JSON values, one after the other.
func checkJSON(text string) error {
	d := json.NewDecoder(strings.NewReader(text))
	for d.More() {
		var value any
		if err := d.Decode(&value); err != nil {
			return err
		}
	}
	return nil
}

// checkGo parses a file, or statements.
func checkGo(text string) error {
	if !strings.HasPrefix(text, "package ") {
		text = "package p\nfunc _() {\n" + text + "\n}"
	}
	_, err := parser.ParseFile(token.NewFileSet(), "block.go", text, 0)
	return err
}
