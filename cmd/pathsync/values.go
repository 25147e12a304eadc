package main

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// wholeNumber reads integers in decimal. Kong takes 010 for 8.
func wholeNumber(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("integer")
	if err != nil {
		return err
	}
	text := fmt.Sprint(token.Value)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || target.OverflowInt(n) || strings.HasPrefix(text, "+") {
		return fmt.Errorf("must be a whole number such as 1048576, without a unit, and is %q", text)
	}
	if digits := strings.TrimPrefix(text, "-"); len(digits) > 1 && digits[0] == '0' {
		return fmt.Errorf("must be written without leading zeros, and is %q", text)
	}
	target.SetInt(n)
	return nil
}

// tidy makes the values of lists and of choices what is meant by them.
func (c *serveCommand) tidy() {
	for _, list := range []*[]string{&c.PublicRooms, &c.ACMEDomain, &c.AllowOrigin, &c.TrustedProxies} {
		var elements []string
		for _, element := range *list {
			if element = strings.TrimSpace(element); element != "" {
				elements = append(elements, element)
			}
		}
		*list = elements
	}
	for _, choice := range []*string{&c.Auth, &c.LogLevel, &c.LogFormat} {
		*choice = strings.ToLower(*choice)
	}
}

// checkTexts refuses what no text of a flag has on purpose. A value is not repeated: it may be a secret.
func (c *serveCommand) checkTexts() error {
	var errs []error
	fields := reflect.ValueOf(*c)
	for i := range fields.NumField() {
		tag := fields.Type().Field(i).Tag
		texts, ok := fields.Field(i).Interface().([]string)
		if text, is := fields.Field(i).Interface().(string); is {
			texts, ok = []string{text}, true
		}
		for _, text := range texts {
			if fault := faultOf(text, verbatim[tag.Get("env")]); ok && fault != "" {
				errs = append(errs, fmt.Errorf("--%s %s", tag.Get("name"), fault))
			}
		}
	}
	for name, file := range map[string]string{"jwt-key": c.JWTKey, "tls-cert": c.TLSCert, "tls-key": c.TLSKey, "acme-cache": c.ACMECache} {
		if strings.HasPrefix(file, "~/") {
			errs = append(errs, fmt.Errorf("--%s begins with ~, which only a shell expands: write the whole path", name))
		}
	}
	for _, domain := range c.ACMEDomain {
		if strings.ContainsAny(domain, "/:* ") {
			errs = append(errs, fmt.Errorf("--acme-domain %q is not a domain: write it like pathsync.example.com", domain))
		}
	}
	return errors.Join(errs...)
}

// faultOf says what is wrong with the text of a flag, and is empty when nothing is.
func faultOf(text string, blanksCount bool) string {
	switch {
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "has a line end or another control character: write it without"
	case strings.HasPrefix(text, byteOrderMark):
		return "begins with a byte order mark: write it without"
	case !blanksCount && strings.TrimSpace(text) != text:
		return "has blanks around it: write it without"
	case len(text) > 1 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0]:
		return "is in quotes, which nothing has taken away (docker --env-file does not): write it without"
	default:
		return ""
	}
}
