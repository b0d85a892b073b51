package audit

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes text that somebody else wrote fit to be shown to a person, on one
// line. What can't be seen, or moves what can be seen, is written as an escape:
// control characters (and so terminal commands and line breaks), marks that
// turn the direction of text, zero-width and other invisible characters, and
// spaces that are no plain space. Bytes that are not UTF-8 become U+FFFD.
// Clean text stays as it is; cleaning twice changes nothing.
//
// It does not know where the text goes: what has a meaning in Slack, HTML or a
// URL is still to be escaped by whoever writes there.
func Clean(s string) string {
	if strings.IndexFunc(s, hidden) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s { // yields U+FFFD for each byte that is not UTF-8
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// hidden tells whether a character can't be seen, or changes how others are
// seen. Unicode counts some that show nothing as letters, marks or symbols.
func hidden(r rune) bool {
	const brailleBlank = '\u2800'
	return !unicode.IsPrint(r) || r == brailleBlank ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
