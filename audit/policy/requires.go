package policy

import (
	"cmp"
	"regexp"
	"strconv"

	"github.com/segproof/segproof/audit"
)

// lastRequires is the last minor version of Cilium 1 that knows fromRequires
// and toRequires. Since then no API server stores them, and Cilium can't read
// those that it stored before.
const lastRequires = 18

// requiresIn tells whether the cluster's version of Cilium knows requirements,
// by the image of its agent.
func requiresIn(inv *audit.Inventory) truth {
	t, seen := maybe, false
	for i := range inv.Workloads {
		w := &inv.Workloads[i]
		if w.Kind != "DaemonSet" || w.Name != "cilium" {
			continue
		}
		for _, image := range w.Images {
			minor, ok := ciliumVersion(image)
			if !ok {
				continue
			}
			if is := truly(minor <= lastRequires); !seen {
				t, seen = is, true
			} else if is != t {
				t = maybe
			}
		}
	}
	return t
}

var ciliumImage = regexp.MustCompile(`(?:^|/)cilium(?:-[a-z]+)?:v?1\.([0-9]{1,3})(?:[^0-9]|$)`)

// ciliumVersion reads the minor version of an agent from its image.
func ciliumVersion(image string) (minor int, ok bool) {
	m := ciliumImage.FindStringSubmatch(image)
	if m == nil {
		return 0, false
	}
	minor, err := strconv.Atoi(m[1])
	return minor, err == nil
}

// readRequires reads fromRequires or toRequires. Doubtful tells that an older
// Cilium, which this may be, would restrict others by them.
func (r *reader) readRequires(one *rule, f field, l ruleList) (doubtful bool) {
	items := f.items()
	if len(items) == 0 {
		return false
	}
	switch r.settings.requires {
	case no:
		f.reject("has no meaning since Cilium 1.%d, which can't read the policy", lastRequires+1)
	case maybe:
		f.unclear("restricts others up to Cilium 1." + strconv.Itoa(lastRequires) +
			", and which version runs is not known: no DaemonSet named cilium tells it by its image")
		return true
	default:
		for _, item := range items {
			one.requires = append(one.requires, r.peerSelector(item, l.init))
		}
	}
	return false
}

// require adds what any rule requires to every selector of peers of the rules
// that do the same to a connection (cilium v1.18 pkg/policy/rules.go). Entities
// and address ranges stay as they are.
func (p *plan) require() {
	var wanted [3]required // by verdict
	for i := range p.rules {
		r := &p.rules[i]
		if len(r.requires) == 0 || r.doubt != "" {
			continue
		}
		w := &wanted[r.verdict]
		if r.subject == yes {
			w.surely = append(w.surely, r.requires...)
		}
		w.requires = append(w.requires, r.requires...)
	}
	for i := range p.rules {
		r := &p.rules[i]
		if w := wanted[r.verdict]; len(w.requires) > 0 && r.order.tier == normal {
			one := *r.rule
			one.peers = nil
			for _, m := range r.peers {
				one.peers = append(one.peers, w.around(m))
			}
			r.rule = &one
		}
	}
}

// required are peers that others' requirements restrict.
type required struct {
	matcher
	requires []*selector
	surely   []*selector // those among them whose rule is certainly about the subject
}

func (q required) around(m matcher) matcher {
	switch m := m.(type) {
	case selected:
		q.matcher = m
		return &q
	case either:
		return either{q.around(m.a), q.around(m.b)}
	}
	return m
}

func (q *required) match(p end) (t truth, why string) {
	t, why = q.matcher.match(p)
	for _, s := range q.requires {
		if is := s.match(p.identity); is < t {
			t, why = maybe, cmp.Or(s.why(p), "whether all requirements are about the subject is not known")
		}
	}
	for _, s := range q.surely {
		if is := s.match(p.identity); is < t {
			t, why = is, s.why(p)
		}
	}
	return t, why
}
