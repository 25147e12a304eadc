package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/httpapi/ticket"
	"github.com/pathsync/pathsync/pace"
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
		if !json.Valid([]byte(text)) {
			return errors.New("it is not JSON")
		}
		return nil
	case strings.HasPrefix(text, ":") || strings.HasPrefix(text, "id:") || strings.HasPrefix(text, "event:"):
		operation := ofRoom
		c.operations(func(name string, _ map[string]any) {
			if pointer == pointerTo(pathOf(name)...) {
				operation = name
			}
		})
		items := parseStream(text + "\n")
		for _, i := range items {
			if i.malformed != "" {
				return fmt.Errorf("%q is not a line of a stream", i.malformed)
			}
			if i.name == "" {
				continue
			}
			if err := c.checkEvent(operation, i); err != nil {
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
	}
	return nil
}

// figures are the figures of descriptions, in words that contain one, and the server's.
func figures() map[string]int {
	cfg := httpapi.Config{}.WithDefaults()
	seconds := func(d interface{ Seconds() float64 }) int { return int(d.Seconds()) }
	return map[string]int{
		`After (\d+) s without output the server sends a comment`: seconds(cfg.Feeds.Heartbeat),
		`collected over (\d+) ms`:                                 int(cfg.Hub.PresenceWindow.Milliseconds()),
		`stays present for a lease of (\d+) s`:                    seconds(cfg.Hub.PresenceTimeout),
		`waits up to (\d+) s for it before it orders`:             seconds(cfg.Hub.PredecessorTimeout),
		`no byte for (\d+) s, or less than 1 KiB per second`:      seconds(pace.Patience),
		`less than (\d+) KiB per second`:                          pace.MinRate >> 10,
		`at most (\d+) MiB and not compressed`:                    cfg.MaxBodyBytes >> 20,
		`nested at most (\d+) levels deep`:                        cfg.MaxDepth,
		`can be used within (\d+) s`:                              seconds(ticket.Life),
		`tickets in (\d+) s`:                                      seconds(ticket.Life),
		`At most (\d+) characters and 64 segments`:                path.MaxLength,
		`At most 1000 characters and (\d+) segments`:              path.MaxSegments,
	}
}

// findWrongFigures compares the figures of descriptions with the defaults of the server.
func findWrongFigures(c *contract, _ *recording) (found []string) {
	f := (*findings)(&found)
	var all strings.Builder
	visit(c.described.document, "", func(_ string, object map[string]any) {
		if description, ok := object["description"].(string); ok {
			all.WriteString(strings.Join(strings.Fields(description), " ") + "\n")
		}
	})
	for words, want := range figures() {
		matches := regexp.MustCompile(words).FindAllStringSubmatch(all.String(), -1)
		if len(matches) == 0 {
			f.add("no description has %q", words)
		}
		for _, match := range matches {
			if match[1] != strconv.Itoa(want) {
				f.add("a description has %q, and the server's figure is %d", match[0], want)
			}
		}
	}
	return found
}
