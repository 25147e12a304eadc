package main

import "fmt"

// style is how a text looks on a terminal with colours: the parameter of the escape sequence SGR.
type style string

const (
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	blue   style = "34"
)

// styled is a text with a style, for console.printf.
type styled struct {
	style style
	text  string
}

func (s style) of(format string, args ...any) styled { return styled{s, fmt.Sprintf(format, args...)} }

// printf writes formatted text in one call. Arguments with a style are shown in it if the console has colours. On a terminal,
// texts and errors are escaped as by Write. A width in the format would count the sequence of a style: pad the text instead.
func (c *console) printf(format string, args ...any) error {
	shown := make([]any, len(args))
	for i, arg := range args {
		shown[i] = c.show(arg)
	}
	_, err := fmt.Fprintf(c.Writer, format, shown...)
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

func (c *console) show(arg any) any {
	switch v := arg.(type) {
	case styled:
		text := c.escaped(v.text)
		if c.colour && text != "" {
			text = "\x1b[" + string(v.style) + "m" + text + "\x1b[0m"
		}
		return text
	case string:
		return c.escaped(v)
	case error:
		return c.escaped(v.Error())
	default:
		return arg
	}
}

func (c *console) escaped(text string) string {
	if !c.terminal {
		return text
	}
	return escape(text)
}

// table writes rows in columns. The first row is the heading. Columns are two blanks apart.
func (c *console) table(rows [][]string) error {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(c.escaped(cell))))
		}
	}
	for r, row := range rows {
		line := ""
		for i, cell := range row {
			cell = c.escaped(cell)
			line += cell
			if i < len(row)-1 {
				line += fmt.Sprintf("%*s", widths[i]-len([]rune(cell))+2, "")
			}
		}
		var look any = line
		if r == 0 {
			look = styled{bold, line}
		}
		if err := c.printf("%s\n", look); err != nil {
			return err
		}
	}
	return nil
}
