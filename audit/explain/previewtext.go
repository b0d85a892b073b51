package explain

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// maxEffects is how many effects of one outcome are written out for a person.
const maxEffects = 50

// Text writes the preview for a person, what breaks first.
func (v *Preview) Text(w io.Writer) error {
	p := &page{}
	for _, c := range v.Changes {
		p.line("%s: %s", c.Ref, c.How)
	}
	p.line("%s", v.Window.String())
	for _, s := range []struct {
		Outcome
		title, what string
	}{
		{Breaks, "BREAKS", "allowed before, denied after"},
		{Unsure, "CAN'T BE TOLD", "before or after"},
		{Opens, "OPENS", "denied before, allowed after"},
	} {
		v.section(p, s.Outcome, fmt.Sprintf("%s  %s, %s", s.title, plural(v.Counts[s.Outcome], "kind")+" of connection", s.what))
	}
	v.unchanged(p)
	for _, why := range slices.Sorted(maps.Keys(v.Skipped)) {
		p.line("Not decided: %s: %s", plural(int(v.Skipped[why]), "flow"), why)
	}
	for _, n := range v.Notes {
		p.line("Note: %s", n)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

func (v *Preview) section(p *page, o Outcome, title string) {
	if v.Counts[o] == 0 {
		return
	}
	p.line("")
	p.line("%s", title)
	n := 0
	for i := range v.Effects {
		if v.Effects[i].Outcome == o {
			if n++; n <= maxEffects {
				v.Effects[i].text(p)
			}
		}
	}
	if n > maxEffects {
		p.line("  and %d more: -o json has all of them", n-maxEffects)
	}
}

func (e *Effect) text(p *page) {
	from, to := e.Subject, e.Peer
	if e.Direction == audit.Ingress {
		from, to = to, from
	}
	p.line("  %s → %s, %s%s", from, to, audit.PortName(e.Protocol, e.Port), e.addresses())
	for _, s := range []struct {
		audit.Direction
		of audit.Ref
		*Shift
	}{{audit.Egress, from, &e.Egress}, {audit.Ingress, to, &e.Ingress}} {
		if s.Before.Verdict != s.After.Verdict || s.Direction == e.Direction {
			p.line("    %s of %s", s.Direction, s.of)
			p.line("      before  %s", s.Before.line())
			p.line("      after   %s", s.After.line())
		}
	}
	if e.Why != "" {
		p.line("    %s", e.Why)
	}
	p.line("    observed: %s", e.Observed.line())
}

func (e *Effect) addresses() string {
	if len(e.Addresses) == 0 {
		return ""
	}
	return " (" + strings.Join(e.Addresses, ", ") + ")"
}

// line is a decision in one line.
func (s *Side) line() string {
	text := word(s.Verdict)
	switch s.Reason {
	case audit.NotIsolated:
		text += ", nothing isolates it"
	case audit.LocalHost:
		text += ", a node may reach its own pods"
	case audit.DefaultDenied:
		text += ", no rule allows it; isolated by"
	case audit.Unknown:
		text += ": " + s.Why
	default:
		text += " by"
	}
	var by []string
	for _, r := range s.Policies {
		by = append(by, where(r))
	}
	return strings.TrimSpace(text + " " + strings.Join(by, ", "))
}

// unchanged counts what stays as it is, and names what does not follow the
// policies as they are.
func (v *Preview) unchanged(p *page) {
	allowed, denied, carried := 0, 0, 0
	for i := range v.Effects {
		e := &v.Effects[i]
		before, _ := e.verdicts()
		switch {
		case e.Outcome != Unchanged:
		case before == audit.Allow:
			allowed++
		default:
			denied++
			if e.Observed.Forwarded > 0 {
				carried++
			}
		}
	}
	p.line("")
	p.line("UNCHANGED  %s of connection: %d allowed, %d denied", plural(allowed+denied, "kind"), allowed, denied)
	if carried > 0 {
		p.line("  %d of those denied were carried all the same: segproof audit tells why", carried)
	}
}
