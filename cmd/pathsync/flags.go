package main

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// serveDefaults gives each flag of serve and check its environment variable, and the value that line holds as its default. The flags
// of other commands have no variables, unless they are tagged: PATHSYNC_FORCE shall not exist.
func serveDefaults(k *kong.Kong) error {
	for _, command := range k.Model.Children {
		if command.Name != "serve" && command.Name != "check" {
			continue
		}
		for _, flag := range command.Flags {
			if flag.Name == "json" { // of check
				continue
			}
			flag.Tag.Envs = []string{environmentPrefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))}
			flag.Default = formatDefault(flag.Value)
			flag.HasDefault = flag.Default != ""
		}
	}
	return nil
}

// formatDefault returns a flag's value as a user writes it.
func formatDefault(flag *kong.Value) string {
	switch v := flag.Target.Interface().(type) {
	case time.Duration:
		if flag.Tag.Type == "ms" {
			return strconv.FormatInt(v.Milliseconds(), 10)
		}
		if v == 0 {
			return "0"
		}
		return strings.Replace(v.String(), "m0s", "m", 1)
	case []string, bool:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

// flagName returns the flag for a field of server.Config.
func flagName(field string) string {
	if f, ok := reflect.TypeFor[serveCommand]().FieldByName(field); ok {
		return "--" + f.Tag.Get("name")
	}
	return field
}

// parseInteger accepts decimal integers only. Kong would read 010 as 8.
func parseInteger(ctx *kong.DecodeContext, target reflect.Value) error {
	n, err := popInteger(ctx)
	if err != nil {
		return err
	}
	if target.OverflowInt(n) {
		return errNotInteger(strconv.FormatInt(n, 10))
	}
	target.SetInt(n)
	return nil
}

// parseMilliseconds reads a time.Duration as an integer number of milliseconds.
func parseMilliseconds(ctx *kong.DecodeContext, target reflect.Value) error {
	n, err := popInteger(ctx)
	if err != nil {
		return err
	}
	const limit = math.MaxInt64 / int64(time.Millisecond)
	target.SetInt(max(-limit, min(n, limit)) * int64(time.Millisecond)) // package server checks the range
	return nil
}

func popInteger(ctx *kong.DecodeContext) (int64, error) {
	token, err := ctx.Scan.PopValue("integer")
	if err != nil {
		return 0, err
	}
	text := fmt.Sprint(token.Value)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strings.HasPrefix(text, "+") {
		return 0, errNotInteger(text)
	}
	if digits := strings.TrimPrefix(text, "-"); len(digits) > 1 && digits[0] == '0' {
		return 0, fmt.Errorf("must be written without leading zeros, and is %q", text)
	}
	return n, nil
}

func errNotInteger(text string) error {
	return fmt.Errorf("must be a whole number such as 1048576, without a unit, and is %q", text)
}

// checkTexts refuses characters that no flag contains on purpose. Its errors do not repeat the value, which can be a
// secret.
func (c *serveCommand) checkTexts() error {
	var errs []error
	value := reflect.ValueOf(*c)
	for _, field := range reflect.VisibleFields(value.Type()) {
		name := field.Tag.Get("name")
		var texts []string
		switch v := value.FieldByIndex(field.Index); {
		case name == "":
		case v.Kind() == reflect.String:
			texts = []string{v.String()}
		case v.Kind() == reflect.Slice:
			texts = v.Interface().([]string)
		}
		for _, text := range texts {
			if fault := faultOf(text, slices.Contains(verbatim, name)); fault != "" {
				errs = append(errs, fmt.Errorf("--%s %s", name, fault))
			}
			if strings.HasPrefix(text, "~/") && slices.Contains(files, name) {
				errs = append(errs, fmt.Errorf("--%s begins with ~, which only a shell expands: write the whole path", name))
			}
		}
	}
	return errors.Join(errs...)
}

// files are the flags that name a file or a directory.
var files = []string{"jwt-key", "tls-cert", "tls-key", "acme-cache"}

// faultOf describes what is wrong with the text of a flag; "" if nothing is.
func faultOf(text string, keepBlanks bool) string {
	switch {
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "has a line end or another control character: write it without"
	case strings.HasPrefix(text, byteOrderMark):
		return "begins with a byte order mark: write it without"
	case !keepBlanks && strings.TrimSpace(text) != text:
		return "has blanks around it: write it without"
	case len(text) > 1 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0]:
		return "is in quotes, which docker --env-file does not remove: write it without"
	default:
		return ""
	}
}

func (c *serveCommand) checkLog() error {
	var errs []error
	if levels := []string{"debug", "info", "warn", "error"}; !slices.Contains(levels, c.LogLevel) {
		errs = append(errs, fmt.Errorf("--log-level must be one of: %s", strings.Join(levels, " ")))
	}
	if formats := []string{"text", "json"}; !slices.Contains(formats, c.LogFormat) {
		errs = append(errs, fmt.Errorf("--log-format must be one of: %s", strings.Join(formats, " ")))
	}
	return errors.Join(errs...)
}
