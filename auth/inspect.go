package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// Decoded is a token as it is, without any verification.
type Decoded struct {
	Header map[string]any `json:"header"`
	Claims map[string]any `json:"claims"`
}

// Decode decodes a token without verifying it: it says nothing about who made the token. It is for people who want to know why
// a token is refused.
func Decode(token string) (d Decoded, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return d, fmt.Errorf("a JSON Web Token has 3 parts separated by dots, and this has %d", len(parts))
	}
	for i, into := range []*map[string]any{&d.Header, &d.Claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			return d, fmt.Errorf("part %d of the token is not a JSON object in base64url: %w", i+1, err)
		}
	}
	return d, nil
}

// KeyIDs returns the ids of the keys that the verifier has of a key set. It has none before the first token.
func (v *Verifier) KeyIDs() []string {
	s, ok := v.keys.(*keySet)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, len(s.keys))
	for i, k := range s.keys {
		ids[i] = k.id
	}
	return ids
}

// Algorithms returns the algorithms of the tokens that the verifier accepts.
func (v *Verifier) Algorithms() []string { return v.keys.algorithms() }
