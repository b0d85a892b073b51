package slack

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/segproof/segproof/audit"
)

// Slack makes no mention of a bare @channel when names are not linked. The
// space keeps it so in gateways and other clients.
var broadcast = regexp.MustCompile(`(?i)@(channel|here|everyone)`)

// plain makes foreign text fit for Slack: cleaned, escaped, without mentions,
// with nothing that opens or ends a code span, and of at most limit characters
// as sent. What is cut off shows as "…".
func plain(s string, limit int) string {
	// An escape never shortens, so what lies far behind the limit is not looked at.
	if cut := limit * utf8.UTFMax; len(s) > cut {
		s = strings.ToValidUTF8(s[:cut], "") + "…"
	}
	s = broadcast.ReplaceAllString(audit.Clean(s), "@ $1")
	var b strings.Builder
	left := limit
	for i, r := range s {
		piece := string(r)
		switch r {
		case '&':
			piece = "&amp;"
		case '<':
			piece = "&lt;"
		case '>':
			piece = "&gt;"
		case '`':
			piece = "'"
		}
		n := utf8.RuneCountInString(piece)
		if last := i+utf8.RuneLen(r) == len(s); n > left || n == left && !last {
			b.WriteString("…")
			break
		}
		b.WriteString(piece)
		left -= n
	}
	return b.String()
}

// prose is foreign text of one or more lines, as one.
func prose(s string, limit int) string {
	if cut := limit * utf8.UTFMax * 2; len(s) > cut {
		s = s[:cut]
	}
	return plain(strings.Join(strings.Fields(s), " "), limit)
}

// code is a foreign name in a code span.
func code(s string, limit int) string {
	if s == "" {
		return "`-`"
	}
	return "`" + plain(s, limit-2) + "`"
}

// list joins names, and counts those behind the first few.
func list(names []string, few, limit int) string {
	var b strings.Builder
	for i, n := range names {
		if i == few {
			b.WriteString(" and " + number(len(names)-few) + " more")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(plain(n, limit))
	}
	return b.String()
}
