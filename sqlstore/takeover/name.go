package takeover

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/pathsync/pathsync/core"
)

// Name returns the new name of a room or a store key, and whether it differs from the old one. A name that is valid in the
// API does not change. Other names, such as "", "..", "k " and names with control characters or lone surrogates, become
// their legible characters, a tilde, and eight digits of their hash: "k " becomes "k~28b1c4a3". A lone surrogate is read
// as U+FFFD.
//
// taken reports whether a name, old or new, already exists. Then the new name has more digits.
func Name(old string, taken func(string) bool) (name string, changed bool) {
	if core.CheckName(old, core.MaxRoomLength) == nil && !strings.ContainsRune(old, half) {
		return old, false
	}
	legible := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(old, string(half)))
	legible = strings.TrimSpace(legible)
	hash := sha256.Sum256([]byte(old))
	digits := hex.EncodeToString(hash[:])
	for n := 8; n <= len(digits); n += 8 {
		if name = cut(legible, core.MaxRoomLength-n-1) + "~" + digits[:n]; !taken(name) {
			return name, true
		}
	}
	for number := 2; ; number++ { // names that differ only in a lone surrogate have the same hash
		name = cut(legible, core.MaxRoomLength-len(digits)-8) + "~" + digits + "~" + strconv.Itoa(number)
		if !taken(name) {
			return name, true
		}
	}
}

const half = '\ufffd'

// cut returns the longest prefix of s with at most length characters, without trailing white space.
func cut(s string, length int) string {
	n := 0
	for at, r := range s {
		if n += utf16.RuneLen(r); n > length {
			return strings.TrimSpace(s[:at])
		}
	}
	return s
}
