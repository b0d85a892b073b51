package text

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// maxSpaces is how many namespaces are written out; the rest are counted.
const maxSpaces = 40

// states from the worst to the best.
func states() []audit.LayerState {
	return []audit.LayerState{audit.Disproved, audit.NotCovered, audit.DeclaredOK, audit.Enforced, audit.ProvenOK}
}

func rank(l audit.Layer) int { return slices.Index(states(), l.State) }

// tenants are the namespaces in which something runs and that are not the
// platform's own, and any in which something is contradicted; worst first.
func tenants(all []audit.Score) []audit.Score {
	var out []audit.Score
	for _, s := range all {
		if s.Workloads > 0 && !s.System || slices.ContainsFunc(layers(s), func(l audit.Layer) bool { return l.State == audit.Disproved }) {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b audit.Score) int {
		if c := cmp.Or(cmp.Compare(worst(a), worst(b)), cmp.Compare(rank(a.Network), rank(b.Network))); c != 0 {
			return c
		}
		return cmp.Compare(a.Namespace, b.Namespace)
	})
	return out
}

// worst is 0 if any layer is contradicted. Only the network has a say besides
// that: not every namespace needs each of the others.
func worst(s audit.Score) int {
	if slices.ContainsFunc(layers(s), func(l audit.Layer) bool { return l.State == audit.Disproved }) {
		return 0
	}
	return 1
}

func layers(s audit.Score) []audit.Layer {
	return []audit.Layer{s.Admission, s.Network, s.L7, s.Observability}
}

// standing says of how many namespaces the network is proven, and so on.
func standing(all []audit.Score) string {
	ts := tenants(all)
	if len(ts) == 0 {
		return ""
	}
	counts := map[audit.LayerState]int{}
	for _, s := range ts {
		counts[s.Network.State]++
	}
	var parts []string
	for _, st := range states() {
		if counts[st] > 0 {
			parts = append(parts, number(counts[st])+" "+string(st))
		}
	}
	return strings.Join(parts, ", ") + "; of " + some(len(ts), "namespace")
}

// scoreCard has a line for each namespace, and below it why.
func (p *page) scoreCard(all []audit.Score) {
	ts := tenants(all)
	if len(ts) == 0 {
		return
	}
	p.title("SCORE CARD", "what is known to hold, namespace by namespace; worst first")
	name, owner := len("NAMESPACE"), len("OWNER")
	for _, s := range ts[:min(len(ts), maxSpaces)] {
		name = max(name, columns(audit.Clean(s.Namespace)))
		owner = max(owner, columns(ownerOf(s.Owner)))
	}
	const cell = 14 // observability, contradicted
	name, owner = min(name, p.width*3/10), min(owner, 16)
	wide := p.width >= 2+name+2+4*cell+owner
	p.cells(wide, name, []string{"NAMESPACE", "NETWORK", "ADMISSION", "L7", "OBSERVABILITY", "OWNER"})
	for _, s := range ts[:min(len(ts), maxSpaces)] {
		p.cells(wide, name, []string{
			audit.Clean(s.Namespace), state(s.Network), state(s.Admission), state(s.L7), state(s.Observability), ownerOf(s.Owner),
		})
		for _, l := range []struct {
			name string
			audit.Layer
		}{{"network", s.Network}, {"admission", s.Admission}, {"L7", s.L7}, {"observability", s.Observability}} {
			if l.name == "network" || l.State == audit.Disproved {
				p.para("    · ", "      ", l.name+": "+audit.Clean(l.Why)+p.newest(l.Newest))
			}
		}
	}
	if more := len(ts) - maxSpaces; more > 0 {
		p.para("  … ", "    ", "and "+some(more, "namespace")+" more in the record (--json)")
	}
	if rest := len(all) - len(ts); rest > 0 {
		p.para("  … ", "    ", "and "+some(rest, "namespace")+" that belong to the platform, or in which nothing runs")
	}
}

// state is that of a layer; what is contradicted catches the eye.
func state(l audit.Layer) string {
	if l.State == audit.Disproved {
		return strings.ToUpper(string(l.State))
	}
	return audit.Clean(string(l.State))
}

func (p *page) newest(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " (" + p.clock(t) + ")"
}

// cells writes a row: the name, four layers and the owner. Where that is too
// wide, the layers after the network's come below.
func (p *page) cells(wide bool, name int, c []string) {
	names, owners := wrap(c[0], name), wrap(c[5], 16)
	for i := range max(len(names), len(owners)) {
		var line strings.Builder
		line.WriteString("  " + pad(at(names, i), name) + "  ")
		for col, width := range []int{14, 14, 14, 15} {
			if !wide && col > 0 {
				break
			}
			cell := ""
			if i == 0 {
				cell = c[col+1]
			}
			line.WriteString(pad(cell, width))
		}
		p.WriteString(strings.TrimRight(line.String()+at(owners, i), " ") + "\n")
	}
	if !wide {
		p.para("    · ", "      ", strings.Join(c[2:5], ", "))
	}
}
