package tree

import (
	"math"
	"strconv"
	"strings"
)

// Integer returns the number if its value is an integer in any notation: 2, 2.0, 20e-1. ok is false if it has a fraction. A
// value beyond the range of int64 becomes the nearest int64.
func (n Number) Integer() (i int64, ok bool) {
	mantissa, exponent := string(n), 0
	if at := strings.IndexAny(mantissa, "eE"); at >= 0 {
		exponent = clampedInt(mantissa[at+1:])
		mantissa = mantissa[:at]
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return 0, n != ""
	}
	significant := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(significant) - len(fraction)
	if exponent < 0 {
		return 0, false
	}
	limit := int64(math.MaxInt64)
	if negative {
		significant, limit = "-"+significant, math.MinInt64
	}
	if exponent > 19 {
		return limit, true
	}
	i, err := strconv.ParseInt(significant+strings.Repeat("0", exponent), 10, 64)
	if err != nil {
		return limit, true // the text is an integer, so it is out of range
	}
	return i, true
}

// clampedInt parses an exponent. It clamps one that is longer than the text of any number.
func clampedInt(text string) int {
	const bound = 1_000_000_000
	i, err := strconv.Atoi(text)
	if err != nil {
		i = bound
		if strings.HasPrefix(text, "-") {
			i = -bound
		}
	}
	return max(-bound, min(i, bound))
}

// Float64 returns the nearest double. ok is false for the zero Number, which is not a number.
func (n Number) Float64() (f float64, ok bool) {
	f, err := strconv.ParseFloat(string(n), 64)
	return f, err == nil
}
