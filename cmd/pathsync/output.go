package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// outputFlags are the flags of commands that can print JSON.
type outputFlags struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// writeJSON writes a value as one JSON text, indented.
func (c *console) writeJSON(v any) error { return c.encode(v, "  ") }

// writeLine writes a value as one line of JSON.
func (c *console) writeLine(v any) error { return c.encode(v, "") }

func (c *console) encode(v any, indent string) error {
	encoder := json.NewEncoder(c)
	encoder.SetIndent("", indent)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// writeFile writes a file, which gets its name when it is complete and on the disk. A file with that name is replaced. After an
// error, there is no new file.
func writeFile(name string, write func(io.Writer) error) error {
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return usageError{fmt.Errorf("%s exists and is not a regular file", name)}
	}
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return usageError{err}
	}
	defer os.Remove(file.Name()) // fails after the rename, when it has another name
	defer file.Close()           // fails if it is closed already
	if err := write(file); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if err := os.Rename(file.Name(), name); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// count returns a number of things, such as 1 room or 2 rooms.
func count[N int | int64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
