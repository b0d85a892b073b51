package markdown

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/segproof/segproof/audit"
)

// Marks that have a meaning in Markdown or HTML. As numbers they are only shown:
// Markdown does not take a number for the mark.
const marks = "\\`*_{}[]<>|~$&!:\"'"

// Marks that GitHub and GitLab look for in the text that is shown, where a number
// does not help: mentions, issues, merge requests, labels, milestones.
const references = "@#!$%&~^"

// nothing is a space of no width: what is on its two sides is not one word.
const nothing = "&#8203;"

// escape makes text that somebody else wrote fit for a cell or a line, cut at
// so many characters.
func escape(s string, most int) string {
	s = cut(audit.Clean(s), most)
	var b strings.Builder
	for i, r := range s {
		rest := s[i+utf8.RuneLen(r):]
		if r < utf8.RuneSelf && strings.ContainsRune(marks, r) {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
		if parts(s[:i], r, rest) {
			b.WriteString(nothing)
		}
	}
	return b.String()
}

// parts tells whether what follows must not be read together with a mark: a
// reference to somebody or something, or an address that becomes a link.
func parts(before string, r rune, rest string) bool {
	switch {
	case rest == "" || rest[0] == ' ':
		return false
	case r < utf8.RuneSelf && strings.ContainsRune(references, r):
		return true
	case r == ':':
		return rest[0] == '/'
	case r == 'w' || r == 'W':
		return rest[0] == '.' && len(before) >= 2 && strings.EqualFold(before[len(before)-2:], "ww")
	case r == 'H' || r == 'h': // GH-12 is issue 12
		return rest[0] == '-' && len(before) >= 1 && strings.EqualFold(before[len(before)-1:], "g")
	}
	return false
}

// cut shortens text to so many characters.
func cut(s string, most int) string {
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}
