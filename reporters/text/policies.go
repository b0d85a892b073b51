package text

import (
	"fmt"
	"strings"

	"github.com/segproof/segproof/audit"
)

// suppressed lists what an exception accepts, and why.
func (p *page) suppressed(fs []audit.Finding) {
	if len(fs) == 0 {
		return
	}
	p.title("SUPPRESSED", some(len(fs), "finding")+": accepted, and failing nothing")
	for _, g := range grouped(fs, nil) {
		for _, f := range g.findings[:min(len(g.findings), maxNames)] {
			p.para("  ", "    ", fmt.Sprintf("%s %s %s, %s: %s", p.paint(f.Severity, audit.Clean(string(f.Severity))), audit.Clean(f.ID), audit.Clean(f.Rule), subject(f), audit.Clean(f.Message)))
			s := f.Suppressed
			until := ""
			if !s.Expires.IsZero() {
				until = ", until " + p.clock(s.Expires)
			}
			p.para("    · ", "      ", audit.Clean(s.Reason)+until+" ("+audit.Clean(s.From)+")")
		}
		if more := len(g.findings) - maxNames; more > 0 {
			p.para("  … ", "    ", "and "+number(more)+" more of "+audit.Clean(g.rule.Name)+" in the record (--json)")
		}
	}
}

// exercised says how much of the policies real traffic has used, and names the
// policies of which it has used nothing.
func (p *page) exercised(r *audit.Report) {
	used, of := r.Exercised()
	if len(r.PolicyCoverage) == 0 {
		return
	}
	share := ""
	if of > 0 {
		share = fmt.Sprintf("%d%%: ", used*100/of)
	}
	p.title("EXERCISED", fmt.Sprintf("%s%s of %s of declared policies were used by traffic that was seen", share, number(used), some(of, "rule")))
	var unused, none []string
	for _, x := range byPolicy(r.PolicyCoverage) {
		switch {
		case x.noEffect:
			none = append(none, x.ref.String())
		case x.used == 0 && x.of > 0:
			unused = append(unused, fmt.Sprintf("%s: none of %s", x.ref, some(x.of, "rule")))
		case x.used < x.of:
			unused = append(unused, fmt.Sprintf("%s: %s of %s; not %s", x.ref, number(x.used), some(x.of, "rule"), strings.Join(x.missing[:min(len(x.missing), 3)], ", ")+andMore(len(x.missing)-3)))
		}
	}
	p.list("not used", unused, "nothing that was seen needed it, which proves nothing of the rest of the day")
	p.list("no effect", none, "these policies do nothing at all")
}

func andMore(n int) string {
	if n <= 0 {
		return ""
	}
	return " and " + number(n) + " more"
}

// use is how much of one policy was used.
type use struct {
	ref      audit.Ref
	used, of int
	missing  []string
	noEffect bool
}

// byPolicy folds the rules of each policy, in their order.
func byPolicy(xs []audit.Exercise) []use {
	var out []use
	for i := range xs {
		x := &xs[i]
		if n := len(out); n == 0 || out[n-1].ref != x.Ref {
			out = append(out, use{ref: x.Ref})
		}
		u := &out[len(out)-1]
		u.noEffect = u.noEffect || x.NoEffect
		switch {
		case !x.Counts():
		case x.Exercised:
			u.used, u.of = u.used+1, u.of+1
		default:
			u.of++
			u.missing = append(u.missing, ruleName(x))
		}
	}
	return out
}

func ruleName(x *audit.Exercise) string {
	if x.Rule == "" {
		return "its isolation of " + string(x.Direction)
	}
	return x.Rule
}

// compliance groups the report by the controls of the framework that was asked
// for.
func (p *page) compliance(r *audit.Report) {
	if len(r.Compliance) == 0 {
		return
	}
	counts := map[audit.ControlState]int{}
	for _, c := range r.Compliance {
		counts[c.State]++
	}
	title := r.Compliance[0].Framework
	for _, f := range audit.Frameworks() {
		if f.Key == title {
			title = f.Title
		}
	}
	p.title("COMPLIANCE", fmt.Sprintf("%s: %s violated, %s not shown, %s satisfied", audit.Clean(title),
		number(counts[audit.Violated]), number(counts[audit.NotShown]), number(counts[audit.Satisfied])))
	by := map[string]*audit.Finding{}
	for i := range r.Findings {
		by[r.Findings[i].Fingerprint] = &r.Findings[i]
	}
	for _, c := range r.Compliance {
		p.WriteByte('\n')
		word := string(c.State)
		if c.State == audit.Violated {
			word = "VIOLATED"
		}
		p.para("  "+pad(word, 10)+" ", strings.Repeat(" ", 13), audit.Clean(c.ID+" "+c.Title))
		p.para("    · ", "      ", audit.Clean(c.Why)+" ("+audit.Clean(strings.Join(c.Rules, ", "))+")")
		p.violations(c.Findings, by)
	}
}

func (p *page) violations(prints []string, by map[string]*audit.Finding) {
	shown := 0
	for _, print := range prints {
		f := by[print]
		if f == nil {
			continue
		}
		if shown++; shown > maxNames {
			break
		}
		p.para("    ", "      ", fmt.Sprintf("%s %s: %s [%s]", audit.Clean(f.ID), subject(*f), audit.Clean(f.Message), ownerOf(f.Owner)))
	}
	if more := len(prints) - maxNames; more > 0 {
		p.para("    … ", "      ", "and "+number(more)+" more")
	}
}
