package text

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"
)

// columns is how many columns a terminal gives to s: two for a wide character,
// none for a mark that sits on the one before it, none for our own colours
// (others can't be here, since names are cleaned).
func columns(s string) int {
	n, colour := 0, false
	for _, r := range s {
		switch {
		case r == '\x1b':
			colour = true
		case colour:
			colour = r != 'm'
		default:
			n += cells(r)
		}
	}
	return n
}

func cells(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

func pad(s string, to int) string { return s + strings.Repeat(" ", max(0, to-columns(s))) }

// wrap breaks text at spaces into lines of at most so many columns, and inside
// a word only if that is longer than a line. It returns at least one line.
func wrap(text string, to int) []string {
	var lines []string
	line, used := "", 0
	for word := range strings.FieldsSeq(text) {
		n := columns(word)
		if used > 0 && used+1+n <= to {
			line, used = line+" "+word, used+1+n
			continue
		}
		if used > 0 {
			lines = append(lines, line)
		}
		for n > to {
			head := cut(word, to)
			lines = append(lines, head)
			word = word[len(head):]
			n = columns(word)
		}
		line, used = word, n
	}
	return append(lines, line)
}

// cut returns a beginning of s that fits, at least one character: up to a sign
// that parts the names in a path or address, if one is near the end.
func cut(s string, to int) string {
	n := 0
	for i, r := range s {
		if n += cells(r); n > to && i > 0 {
			if sign := strings.LastIndexAny(s[:i], "/-.:"); sign > i/2 {
				return s[:sign+1]
			}
			return s[:i]
		}
	}
	return s
}

// number writes 128704 as 128,704.
func number[N int | uint64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// some counts things: 1 flow, 2 flows.
func some[N int | uint64](n N, one string) string {
	switch {
	case n == 1:
		return "1 " + one
	case strings.HasSuffix(one, "y"):
		return number(n) + " " + strings.TrimSuffix(one, "y") + "ies"
	}
	return number(n) + " " + one + "s"
}

// lasting writes a duration to the second, without zeros at its end.
func lasting(d time.Duration) string {
	s := d.Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// percent writes a share with one decimal, and never rounds something to nothing.
func percent(part, whole uint64) string {
	share := 100 * float64(part) / float64(whole)
	if part > 0 && share < 0.1 {
		return "less than 0.1%"
	}
	return fmt.Sprintf("%.1f%%", share)
}
