package slack

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// finding says what is wrong, where, and what to do.
func (d *digest) finding(f *audit.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%s*  %s %s", plain(strings.ToUpper(string(f.Severity)), 20), plain(f.ID, 20), plain(f.Rule, 60))
	if d.compared && isNew(f) {
		b.WriteString("  *new*")
	}
	b.WriteString("\n" + where(f, 140) + "\n" + prose(cmp.Or(f.Message, "-"), 300))
	if seen := since(f); seen != "" {
		b.WriteString("\n" + seen)
	}
	if f.Fix != "" {
		b.WriteString("\n*To do:* " + prose(f.Fix, 300))
	}
	b.WriteString("\n" + owner(f.Owner))
	if at := f.Location; at.Line > 0 {
		b.WriteString(" · " + code(at.File+":"+strconv.Itoa(at.Line), 120))
	} else if at.File != "" {
		b.WriteString(" · " + code(at.File, 120))
	}
	return b.String()
}

// where is the connection, or the object, that it is about.
func where(f *audit.Finding, limit int) string {
	s := code(f.Subject.String(), limit)
	if f.Peer != nil {
		s += arrow(f) + code(f.Peer.String(), limit)
	}
	if port := f.PortName(); port != "" {
		s += " " + plain(port, 30)
	}
	return s
}

// arrow points where the connection went: at ingress the subject was reached.
func arrow(f *audit.Finding) string {
	if f.Direction == audit.Ingress {
		return " ← "
	}
	return " → "
}

// since says from when on it was seen, and how often; "" if no flow shows it.
func since(f *audit.Finding) string {
	var first, last time.Time
	var connections uint64
	for _, e := range f.Evidence {
		if !e.First.IsZero() && (first.IsZero() || e.First.Before(first)) {
			first = e.First
		}
		if e.Last.After(last) {
			last = e.Last
		}
		connections += e.Connections
	}
	if first.IsZero() {
		return ""
	}
	s := "Seen since " + moment(first)
	if last.After(first) {
		s += ", last " + moment(last)
	}
	if connections > 0 {
		s += ", " + some(connections, "connection")
	}
	return s
}

func owner(name string) string {
	if name == "" {
		return "(no owner)"
	}
	return code(name, 40)
}

// owners says who has how much of what is shown; those with the worst first.
func (d *digest) owners() string {
	by := map[string]tally{}
	for _, f := range d.shown {
		if by[f.Owner] == nil {
			by[f.Owner] = tally{}
		}
		by[f.Owner][f.Severity]++
	}
	names := slices.SortedFunc(maps.Keys(by), func(a, b string) int { return cmp.Or(by[a].compare(by[b]), cmp.Compare(a, b)) })
	lines := []string{"*Who must act*"}
	more := tally{}
	for i, name := range names {
		if i < maxOwners {
			lines = append(lines, owner(name)+": "+by[name].String())
			continue
		}
		for s, n := range by[name] {
			more[s] += n
		}
	}
	if len(more) > 0 {
		lines = append(lines, some(len(names)-maxOwners, "other owner")+": "+more.String())
	}
	return strings.Join(lines, "\n")
}

// A tally counts findings by severity.
type tally map[audit.Severity]int

func count(fs []*audit.Finding) tally {
	t := tally{}
	for _, f := range fs {
		t[f.Severity]++
	}
	return t
}

func (t tally) sum() (n int) {
	for _, c := range t {
		n += c
	}
	return n
}

// String names the worst first. Severities that are not known count as one.
func (t tally) String() string {
	var parts []string
	other := t.sum()
	for _, s := range slices.Backward(audit.Severities) {
		if t[s] > 0 {
			parts = append(parts, number(t[s])+" "+string(s))
			other -= t[s]
		}
	}
	if other > 0 {
		parts = append(parts, number(other)+" of unknown severity")
	}
	return strings.Join(parts, ", ")
}

// compare orders the tally with more of the worst first.
func (t tally) compare(o tally) int {
	for _, s := range slices.Backward(audit.Severities) {
		if c := cmp.Compare(o[s], t[s]); c != 0 {
			return c
		}
	}
	return cmp.Compare(o.sum(), t.sum())
}

// compare orders what is new first, then the worst, and then completely.
func compare(a, b *audit.Finding) int {
	old := func(f *audit.Finding) int {
		if isNew(f) {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(old(a), old(b)), a.Compare(b))
}

// number writes 1234567 as 1,234,567.
func number[N int | uint64](n N) string {
	s := strconv.FormatUint(uint64(max(n, 0)), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
