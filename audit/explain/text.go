package explain

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// Text writes the account for a person: an argument in two steps.
func (a *Account) Text(w io.Writer) error {
	p := &page{}
	p.line("%s → %s, %s: %s", a.from.title, a.to.title, a.what(), word(a.Verdict))
	for _, e := range []*end{&a.from, &a.to} {
		if e.note != "" {
			p.line("  %s: %s", e.title, e.note)
		}
	}
	p.line("")
	p.line("1. Egress at the source, %s: %s", a.from.title, word(a.Egress.Verdict))
	a.Egress.text(p, audit.Egress)
	p.line("")
	p.line("2. Ingress at the destination, %s: %s", a.to.title, word(a.Ingress.Verdict))
	a.Ingress.text(p, audit.Ingress)
	if a.Window != nil {
		p.line("")
		p.line("%s", a.Window.String())
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// A page is text under way. What is put into a line is made harmless.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) {
	p.WriteString(audit.Clean(fmt.Sprintf(format, args...)))
	p.WriteByte('\n')
}

// what is the port, and the request if one is asked about.
func (a *Account) what() string {
	s := audit.PortName(a.Protocol, uint16(*a.Port))
	if a.HTTP != nil {
		s += ", HTTP " + strings.TrimSpace(a.HTTP.Method+" "+a.HTTP.Host+a.HTTP.Path)
	}
	if a.DNS != "" {
		s += ", name " + a.DNS
	}
	if a.SNI != "" {
		s += ", server name " + a.SNI
	}
	return s
}

func word(v audit.Answer) string {
	switch v {
	case audit.Allow:
		return "allowed"
	case audit.Deny:
		return "denied"
	}
	return "can't be told"
}

func (s *Stage) text(p *page, d audit.Direction) {
	p.line("   %s", s.because(d))
	for _, r := range s.Policies {
		p.line("     %s", where(r))
		for _, c := range s.Matched {
			if c.Ref == r.Ref && c.Rule == r.Rule && c.Why != "" {
				p.line("       it %s", c.Why)
			}
		}
	}
	if s.L7 && s.open {
		p.line("   A proxy decides on, by HTTP or DNS rules or server names: ask again with the request (--http, --dns, --server-name).")
	}
	if len(s.Considered) > 0 {
		p.line("   What came closest:")
	}
	for _, c := range s.Considered {
		p.line("     %s", where(c.PolicyRef))
		p.line("       %s: it %s", c.effect(), c.Why)
	}
	s.Observed.text(p, s.Verdict)
}

// because is the reason in a sentence.
func (s *Stage) because(d audit.Direction) string {
	switch s.Reason {
	case audit.AllowedByRule:
		return "Allowed by"
	case audit.DeniedByRule:
		return "Denied by a rule, which no allow outweighs:"
	case audit.DefaultDenied:
		if len(s.Policies) == 0 {
			return fmt.Sprintf("No rule allows it, and its %s is isolated with or without a policy.", d)
		}
		return fmt.Sprintf("No rule allows it, and its %s is isolated by", d)
	case audit.NotIsolated:
		return fmt.Sprintf("Nothing isolates its %s, so everything is allowed.", d)
	case audit.L7Denied:
		return "Allowed as far as the proxy, which refuses the request by"
	case audit.AuthRequired:
		return "Allowed only with an authentication that always fails, by"
	case audit.LocalHost:
		return "A node may always reach its own pods."
	}
	return "It can't be known: " + s.Why + "."
}

// where is a policy, its rule and where to find it.
func where(r audit.PolicyRef) string {
	s := r.Ref.String()
	if r.Rule != "" {
		s += " " + r.Rule
	}
	if r.Location.File != "" {
		s += fmt.Sprintf("  (%s:%d)", r.Location.File, r.Location.Line)
	}
	return s
}

// line says in words what was seen; "" if nothing was.
func (o *Observed) line() string {
	var seen []string
	for _, c := range []struct {
		n    uint64
		what string
	}{{o.Forwarded, "forwarded"}, {o.Audited, "forwarded because of audit mode"}, {o.Dropped, "dropped"}} {
		if c.n > 0 {
			seen = append(seen, plural(int(c.n), "connection")+" "+c.what)
		}
	}
	if o.Refused > 0 {
		seen = append(seen, plural(int(o.Refused), "request")+" refused by a proxy")
	}
	if len(seen) == 0 {
		return ""
	}
	s := strings.Join(seen, ", ")
	if len(o.Reasons) > 0 {
		s += " (" + strings.Join(o.Reasons, ", ") + ")"
	}
	return s + ", last seen " + o.Last.UTC().Format(time.DateTime) + " UTC"
}

// text says what was seen, and where it is not what is declared.
func (o *Observed) text(p *page, v audit.Answer) {
	if o == nil {
		return
	}
	s := o.line()
	if s == "" {
		s = "nothing of it"
	}
	p.line("   Observed: %s.", s)
	switch {
	case v == audit.Deny && o.Forwarded > 0:
		p.line("   That is not what is declared now: segproof audit tells whether it was when the flows were seen.")
	case v == audit.Allow && o.Dropped > 0:
		p.line("   That is not what is declared now: the policies may have been others when the flows were seen.")
	}
}
