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

// Name returns the name that takes the place of a room's or a store key's, and whether it is another. A name that the
// API takes stays. Any other, such as "", "..", "k " or one with a control character or half a character, becomes what is
// legible of it, a tilde, and eight digits of its hash: "k " is "k~28b1c4a3". Half a character is read as U+FFFD.
//
// taken reports whether another name, old or new, is this one already; then the new name has more digits.
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
	for number := 2; ; number++ { // names that differ only in the half of a character have the same hash
		name = cut(legible, core.MaxRoomLength-len(digits)-8) + "~" + digits + "~" + strconv.Itoa(number)
		if !taken(name) {
			return name, true
		}
	}
}

const half = '\ufffd'

// cut returns the longest beginning of s that has at most so many characters, without white space at its end.
func cut(s string, length int) string {
	n := 0
	for at, r := range s {
		if n += utf16.RuneLen(r); n > length {
			return strings.TrimSpace(s[:at])
		}
	}
	return s
}
