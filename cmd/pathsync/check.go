package main

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"

	"github.com/pathsync/pathsync/server"
)

// checkCommand has the flags of serve.
type checkCommand struct {
	serveCommand `embed:""`
	outputFlags  `embed:""`
}

// Help is shown below the flags.
func (*checkCommand) Help() string {
	return `Checks the flags and the environment as serve does, and reads the files of keys and certificates. It opens no port and no database, and sends nothing. It prints the settings that differ from the defaults; secrets are not shown. The exit code is 2 if serve would refuse the configuration.

Example:

  pathsync check && systemctl restart pathsync`
}

// setting is a setting that differs from its default.
type setting struct {
	Flag  string `json:"flag"`
	Value string `json:"value"`
}

// Run reads the files and prints the settings.
func (c *checkCommand) Run(p *program) error {
	if err := server.Check(c.config(nil)); err != nil {
		return err
	}
	settings := changedSettings(c.serveCommand)
	if c.JSON {
		return p.stdout.writeJSON(map[string]any{"valid": true, "settings": settings})
	}
	if err := p.stdout.printf("%s\n", green.of("the configuration is valid")); err != nil {
		return err
	}
	for _, s := range settings {
		if err := p.stdout.printf("%s %s\n", bold.of("%s", s.Flag), s.Value); err != nil {
			return err
		}
	}
	return nil
}

// changedSettings returns the settings that differ from the defaults, without secrets.
func changedSettings(c serveCommand) []setting {
	changed := []setting{}
	now, before := reflect.ValueOf(c), reflect.ValueOf(defaultServe())
	for _, field := range reflect.VisibleFields(now.Type()) {
		name, value := field.Tag.Get("name"), now.FieldByIndex(field.Index)
		if name == "" || reflect.DeepEqual(value.Interface(), before.FieldByIndex(field.Index).Interface()) || value.Kind() == reflect.Slice && value.Len() == 0 {
			continue
		}
		text := fmt.Sprint(value.Interface())
		if list, ok := value.Interface().([]string); ok {
			text = strings.Join(list, ",")
		}
		changed = append(changed, setting{"--" + name, withoutSecrets(name, text)})
	}
	return changed
}

// withoutSecrets returns the part of a setting that may be shown. URLs can have passwords before their host and in their query.
func withoutSecrets(name, value string) string {
	switch name {
	case "jwt-secret":
		return "(secret)"
	case "database":
		return server.Redacted(value)
	case "authorize-url", "initial-state-url", "jwks-url", "nats":
		u, err := url.Parse(value)
		if err != nil || u.Host == "" {
			return "(secret)"
		}
		shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
		if u.RawQuery != "" {
			return shown.String() + "?…"
		}
		return shown.String()
	default:
		return value
	}
}
