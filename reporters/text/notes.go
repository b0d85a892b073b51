package text

import (
	"fmt"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A note is a line below a message; it may be wrapped.
type note struct{ first, rest, text string }

// maxEvidence is how many pieces of evidence are written for a finding.
const maxEvidence = 2

// notes say what a finding rests on, and where it is to be changed.
func (p *page) notes(f audit.Finding, l layout) []note {
	var ns []note
	say := func(s string) { ns = append(ns, note{"· ", "  ", s}) }
	if f.Peer != nil && !strings.Contains(f.Message, f.Peer.Name) {
		say(audit.Clean(strings.TrimSpace(fmt.Sprintf("%s with %s %s", f.Direction, f.Peer, f.PortName()))))
	}
	more := 0
	for i, e := range f.Evidence {
		// That an exception is over is said last, and never left out.
		if i < maxEvidence || i == len(f.Evidence)-1 && strings.HasPrefix(e.What, audit.WasAccepted) {
			say(p.evidence(e))
		} else {
			more++
		}
	}
	if more > 0 {
		say(fmt.Sprintf("%s more of evidence in the record (--json)", some(more, "piece")))
	}
	if c := f.Suggestion; c != nil {
		say(audit.Clean(fmt.Sprintf("a change that closes it: %s %s%s", c.Action, c.Policy, opens(c))) + "; segproof suggest prints it")
	}
	if at := f.Location; at.File != "" {
		say(audit.Clean(fmt.Sprintf("%s:%d", at.File, max(1, at.Line))))
	}
	if l.owner == 0 {
		say("owner: " + ownerOf(f.Owner))
	}
	return ns
}

// evidence is one line: what, how often, when, and an example.
func (p *page) evidence(e audit.Evidence) string {
	parts := []string{audit.Clean(e.What)}
	if e.Flows > 0 {
		parts = append(parts, some(e.Flows, "flow"))
	}
	if e.Connections > 0 {
		parts = append(parts, some(e.Connections, "connection"))
	}
	if !e.First.IsZero() {
		parts = append(parts, p.span(e.First, e.Last))
	}
	if len(e.Samples) > 0 {
		s := e.Samples[0]
		parts = append(parts, "e.g. "+audit.Clean(s.From)+" → "+destination(s))
	}
	return strings.Join(parts, ", ")
}

// destination is the pod and its address, or the address and its DNS names.
func destination(s audit.Sample) string {
	to := s.To
	switch {
	case s.Address != "" && strings.Contains(s.Address, s.To):
		to = s.Address
	case s.Address != "":
		to += " " + s.Address
	}
	if len(s.Names) > 0 {
		to += " (" + strings.Join(s.Names, ", ") + ")"
	}
	return audit.Clean(to)
}

// steps are the lines of a fix, which may be YAML: they keep their indentation.
func steps(label, fix string) []note {
	var ns []note
	below := strings.Repeat(" ", columns(label))
	for l := range strings.Lines(fix) {
		text := strings.TrimLeft(strings.TrimRight(l, "\n"), " ")
		deep := min(len(l)-len(strings.TrimLeft(l, " ")), 20)
		ns = append(ns, note{label + strings.Repeat(" ", deep), below + strings.Repeat(" ", deep), audit.Clean(text)})
		label = below
	}
	return ns
}

// opens says how much else a suggested change lets pass.
func opens(c *audit.Suggestion) string {
	switch n := len(c.Opens); n {
	case 0:
		return ""
	case 1:
		return ", which opens " + c.Opens[0]
	default:
		return fmt.Sprintf(", which opens %s and %s more", c.Opens[0], number(n-1))
	}
}
