package markdown

import (
	"fmt"
	"strings"
)

// A page is a comment under way, and how much more there may be of it.
type page struct {
	strings.Builder
	granted int // to all parts so far
}

// allow grants a part its share; what parts before it did not need is added.
func (p *page) allow(share int) int {
	p.granted += share
	return p.granted - p.Len()
}

// A part is a section of the page.
type part struct {
	title string
	open  bool // not folded
	state bool // with a column for what is new and what is back
}

// forFrame is what the frame of a part takes at most.
const forFrame = 600

// lines writes a part of n lines, as many as fit, and counts the others. A table
// has a head; a list has none.
func (p *page) lines(s part, head string, n, share int, line func(int) string) {
	room := p.allow(share)
	if n == 0 {
		return
	}
	fold := ""
	if s.open {
		fold = " open"
	}
	fmt.Fprintf(p, "\n<details%s><summary>%s</summary>\n\n%s", fold, s.title, head)
	room -= forFrame + len(head) + len(s.title)
	shown := 0
	for ; shown < n; shown++ {
		l := line(shown)
		if room -= len(l) + 1; room < 0 {
			break
		}
		p.WriteString(l + "\n")
	}
	if more := n - shown; more > 0 {
		fmt.Fprintf(p, "\n… and %s more, all of them in the record (`--json`)\n", number(more))
	}
	p.WriteString("\n</details>\n")
}

// row is a line of a table; the cells are escaped.
func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |" }

// heads begin a table.
func heads(names ...string) string {
	return row(names...) + "\n" + strings.Repeat("|---", len(names)) + "|\n"
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
