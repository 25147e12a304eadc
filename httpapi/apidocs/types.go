package apidocs

import "strings"

// typeText describes the type of a value in words. Some of them name a schema.
type typeText []word

type word struct {
	Text   string
	Schema string // the name of a schema to which the word leads
}

func (t *typeText) add(text string) { *t = append(*t, word{Text: text}) }

// constraints are the keywords that are described as "<words> <value>", in this order.
var constraints = []struct{ keyword, words string }{
	{"format", ""}, {"minimum", "from"}, {"maximum", "to"}, {"minLength", "at least"}, {"maxLength", "at most"},
	{"minItems", "at least"}, {"maxItems", "at most"}, {"pattern", "matching"}, {"default", "default"},
}

var units = map[string]string{"minLength": " characters", "maxLength": " characters", "minItems": " items", "maxItems": " items"}

// typeOf describes a schema.
func typeOf(s node) (t typeText) {
	if name, ok := strings.CutPrefix(s.reference(), "components/schemas/"); ok {
		return typeText{{Text: name, Schema: name}}
	}
	for _, union := range []string{"oneOf", "anyOf"} {
		for variant := range s.get(union).items() {
			if len(t) > 0 {
				t.add(" or ")
			}
			t = append(t, typeOf(variant)...)
		}
	}
	if len(t) > 0 {
		return t
	}
	switch types := s.get("type").texts(); {
	case s.get("enum").exists():
		t.add("one of " + strings.Join(s.get("enum").texts(), ", "))
		return t
	case len(types) == 0:
		t.add("any JSON value")
		return t
	case types[0] == "array":
		t.add("array of ")
		t = append(t, typeOf(s.get("items"))...)
	case types[0] == "object" && s.get("additionalProperties", "type").exists(), types[0] == "object" && s.get("additionalProperties").reference() != "":
		t.add("object, by name, of ")
		t = append(t, typeOf(s.get("additionalProperties"))...)
	default:
		t.add(strings.Join(types, " or "))
	}
	for _, c := range constraints {
		if value := s.get(c.keyword); value.exists() {
			t.add(strings.TrimRight(", "+strings.TrimSpace(c.words+" "+value.text())+units[c.keyword], " "))
		}
	}
	return t
}
