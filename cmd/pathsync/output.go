package main

import (
	"encoding/json"
	"fmt"
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

// count returns a number of things, such as 1 room or 2 rooms.
func count[N int | int64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
