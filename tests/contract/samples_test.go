package contract

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/pathsync/pathsync/auth"
)

var codeBlocks = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// findInvalidSamples checks the samples in descriptions: requests with curl, events, and JSON.
func findInvalidSamples(c *contract, _ *recording) (found []string) {
	f := (*findings)(&found)
	visit(c.described.document, "", func(pointer string, object map[string]any) {
		description, _ := object["description"].(string)
		for _, block := range codeBlocks.FindAllStringSubmatch(description, -1) {
			if err := c.checkSample(pointer, block[1], block[2]); err != nil {
				f.add("%s: %v, in the sample\n%s", pointer, err, block[2])
			}
		}
	})
	return found
}

func (c *contract) checkSample(pointer, language, text string) error {
	switch {
	case language == "sh":
		return c.checkCommands(text)
	case language == "json":
		return checkClaims([]byte(text))
	case strings.HasPrefix(text, ":") || strings.HasPrefix(text, "id:") || strings.HasPrefix(text, "event:"):
		operation := ofRoom
		c.operations(func(name string, _ map[string]any) {
			if pointer == pointerTo(pathOf(name)...) {
				operation = name
			}
		})
		for n, i := range parseStream(text + "\n") {
			if err := c.checkItem(operation, n, i, false); err != nil {
				return err
			}
		}
		return nil
	}
	return nil // other samples are in a language of which the contract says nothing
}

// words splits a shell command, as far as samples need it.
var words = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s]+`)

// checkCommands checks the requests of curl: their operation, their parameters and their body.
func (c *contract) checkCommands(text string) error {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for _, command := range regexp.MustCompile(`(?m)^curl (?:[^'"\n]|'[^']*'|"[^"]*")*`).FindAllString(text, -1) {
		command, _, _ = strings.Cut(command, "   #")
		e := &exchange{method: http.MethodGet, sentHeader: http.Header{}}
		arguments := words.FindAllString(command, -1)[1:]
		for i := 0; i < len(arguments); i++ {
			value := func() string { i++; return strings.Trim(arguments[i], `'"`) }
			switch word := strings.Trim(arguments[i], `'"`); word {
			case "-N", "&":
			case "-X":
				e.method = value()
			case "-H":
				name, text, _ := strings.Cut(value(), ": ")
				e.sentHeader.Set(name, text)
			case "-d":
				e.sent = []byte(value())
				if e.method == http.MethodGet {
					e.method = http.MethodPost
				}
			default:
				var err error
				if e.url, err = url.Parse(word); err != nil || e.url.Host == "" {
					return fmt.Errorf("%q is not the URL of a server", word)
				}
			}
		}
		operation, known := c.operationOf(e)
		if !known {
			return fmt.Errorf("%s %s is not in the contract", e.method, e.url)
		}
		if err := c.checkRequest(operation, e); err != nil {
			return err
		}
		if kind := e.sentHeader.Get("Content-Type"); e.sent != nil && kind != "application/json" {
			return fmt.Errorf("the body has the type %q", kind)
		}
	}
	return nil
}

// checkClaims checks the claims of a token as the server does.
func checkClaims(text []byte) error {
	var claims map[string]json.RawMessage
	if err := json.Unmarshal(text, &claims); err != nil {
		return err
	}
	for name := range claims {
		if name != "sub" && name != "exp" && name != "pathsync" {
			return fmt.Errorf("the claim %s is not described", name)
		}
	}
	_, err := auth.ParsePermissions(claims["pathsync"])
	return err
}
