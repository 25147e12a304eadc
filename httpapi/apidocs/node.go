package apidocs

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"strings"

	"go.yaml.in/yaml/v3"
)

// node is a place in the contract; the zero node is one that the contract does not have. The order of members is that of the
// file.
type node struct {
	yaml *yaml.Node
	root *yaml.Node
}

func parse(contract []byte) (node, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(contract, &document); err != nil {
		return node{}, err
	}
	if len(document.Content) == 0 {
		return node{}, errors.New("it is empty")
	}
	root := document.Content[0]
	return node{root, root}, nil
}

// get returns the member at a path. It follows references.
func (n node) get(path ...string) node {
	at := n
	for _, name := range path {
		at = at.follow().member(name)
	}
	return at
}

// member returns a member of an object, beside a reference, too.
func (n node) member(name string) node {
	for key, value := range n.members() {
		if key == name {
			return value
		}
	}
	return node{}
}

// follow returns the place that a reference names, or n.
func (n node) follow() node {
	name := n.reference()
	if name == "" {
		return n
	}
	return node{n.root, n.root}.get(strings.Split(name, "/")...)
}

// reference returns the path to which n refers, such as components/schemas/Batch; "" if n is no reference.
func (n node) reference() string {
	return strings.TrimPrefix(n.member("$ref").text(), "#/")
}

// members are the members of an object.
func (n node) members() iter.Seq2[string, node] {
	return func(yield func(string, node) bool) {
		if n.yaml == nil || n.yaml.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i < len(n.yaml.Content); i += 2 {
			if !yield(n.yaml.Content[i].Value, node{n.yaml.Content[i+1], n.root}) {
				return
			}
		}
	}
}

// items are the items of an array.
func (n node) items() iter.Seq[node] {
	return func(yield func(node) bool) {
		if n.yaml == nil || n.yaml.Kind != yaml.SequenceNode {
			return
		}
		for _, item := range n.yaml.Content {
			if !yield(node{item, n.root}) {
				return
			}
		}
	}
}

func (n node) exists() bool { return n.yaml != nil }

// text returns a scalar as it is written.
func (n node) text() string {
	if n.yaml == nil || n.yaml.Kind != yaml.ScalarNode {
		return ""
	}
	return n.yaml.Value
}

// texts returns the items of an array, or a scalar as the only one.
func (n node) texts() (all []string) {
	for item := range n.items() {
		all = append(all, item.text())
	}
	if text := n.text(); text != "" {
		all = append(all, text)
	}
	return all
}

// json returns the value as indented JSON, with the members in their order.
func (n node) json() string {
	var compact, indented bytes.Buffer
	n.appendJSON(&compact)
	if err := json.Indent(&indented, compact.Bytes(), "", "  "); err != nil {
		return compact.String()
	}
	return indented.String()
}

func (n node) appendJSON(to *bytes.Buffer) {
	separate := func(i int) {
		if i > 0 {
			to.WriteByte(',')
		}
	}
	switch i := 0; n.yaml.Kind {
	case yaml.MappingNode:
		to.WriteByte('{')
		for name, value := range n.members() {
			separate(i)
			to.WriteString(quote(name) + ":")
			value.appendJSON(to)
			i++
		}
		to.WriteByte('}')
	case yaml.SequenceNode:
		to.WriteByte('[')
		for item := range n.items() {
			separate(i)
			item.appendJSON(to)
			i++
		}
		to.WriteByte(']')
	default:
		if n.yaml.Tag == "!!str" {
			to.WriteString(quote(n.yaml.Value))
		} else {
			to.WriteString(n.yaml.Value)
		}
	}
}

func quote(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string can be encoded
	return strings.TrimSuffix(b.String(), "\n")
}
