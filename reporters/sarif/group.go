package sarif

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A group is the findings of one rule at one place: one result. Dashboards tell
// results apart by rule, file and line (GitLab by nothing else), and would show
// one of several and lose the rest.
type group struct {
	place
	id       string           // 32 hexadecimal digits that say which rule, object and part of it
	findings []*audit.Finding // the worst first
}

func (g *group) worst() *audit.Finding { return g.findings[0] }

// accepted tells whether every finding of the group is.
func (g *group) accepted() bool {
	return !slices.ContainsFunc(g.findings, func(f *audit.Finding) bool { return f.Suppressed == nil })
}

// subjects are the objects that the group is about, each once, in order.
func (g *group) subjects() []audit.Ref {
	var out []audit.Ref
	for _, f := range g.findings {
		if !slices.Contains(out, f.Subject) {
			out = append(out, f.Subject)
		}
		if len(out) == maxRelated {
			break
		}
	}
	return out
}

// failures are the findings that become results, the worst first and then
// completely ordered, and how many accepted ones are left out.
func (s Reporter) failures(r *audit.Report) (fails []*audit.Finding, accepted int) {
	for i := range r.Findings {
		switch f := &r.Findings[i]; {
		case f.Kind == audit.Passes:
		case f.Suppressed != nil && !s.IncludeSuppressed:
			accepted++
		default:
			fails = append(fails, f)
		}
	}
	slices.SortStableFunc(fails, (*audit.Finding).Compare)
	return fails, accepted
}

// groups puts findings together, in the order of the first of each.
func (l *locator) groups(fails []*audit.Finding) []group {
	type key struct {
		rule, uri string
		line      int
	}
	var out []group
	index := map[key]int{}
	for _, f := range fails {
		p := l.finding(f)
		k := key{f.ID, p.uri, p.line}
		if i, ok := index[k]; ok {
			g := &out[i]
			g.findings = append(g.findings, f)
			if p.object.Compare(g.object) < 0 || p.object == g.object && p.locus < g.locus {
				g.place = p
			}
			continue
		}
		index[k] = len(out)
		out = append(out, group{place: p, findings: []*audit.Finding{f}})
	}
	identify(l.cluster, out)
	return out
}

// identify gives each group an id that survives new lines, words, versions and
// a recreated object. Should two be about the same, the second is counted.
func identify(cluster string, groups []group) {
	taken := map[string]bool{}
	for i := range groups {
		g := &groups[i]
		for n := 1; g.id == "" || taken[g.id]; n++ {
			g.id = g.hash(cluster, n)
		}
		taken[g.id] = true
	}
}

func (g *group) hash(cluster string, n int) string {
	parts := []string{"v1", g.worst().ID, cluster, g.object.Kind, g.object.Namespace, g.object.Name, g.locus}
	if n > 1 {
		parts = append(parts, strconv.Itoa(n))
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}
