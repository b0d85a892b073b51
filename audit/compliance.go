package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Control is one demand of a framework, and what a report shows of it.
type Control struct {
	Framework string       `json:"framework"`
	ID        string       `json:"id"`
	Title     string       `json:"title"`
	State     ControlState `json:"state"`
	Why       string       `json:"why"`                // one line
	Rules     []string     `json:"rules"`              // that speak of it, by id
	Findings  []string     `json:"findings,omitempty"` // fingerprints of those that violate it
}

// ControlState says whether a control is met.
type ControlState string

// States of a control. Silence never satisfies.
const (
	Violated  ControlState = "violated"  // a finding of one of its rules stands
	Satisfied ControlState = "satisfied" // all its rules were applied, nothing was found, and there is positive evidence
	NotShown  ControlState = "not shown"
)

// A Framework is a catalogue of controls that rules refer to.
type Framework struct {
	Key    string // cis, nsa, pci or nist
	Title  string
	prefix string            // of references
	titles map[string]string // of the controls whose text is known; others are left out
	humans []string          // controls that ask for what people do, for which a report is evidence and no more
}

// Frameworks are those that a report can be grouped by.
func Frameworks() []Framework {
	return []Framework{
		{"cis", "CIS Kubernetes Benchmark", "CIS Kubernetes ", map[string]string{
			"5.3.1": "The CNI in use supports network policies",
			"5.3.2": "All namespaces have network policies",
		}, nil},
		{"nsa", "NSA/CISA Kubernetes Hardening Guide", "NSA/CISA Hardening Guide, ", map[string]string{
			"network separation": "Network separation and hardening",
		}, nil},
		{"pci", "PCI DSS 4.0.1", "PCI DSS ", map[string]string{
			"1.2.1": "Configuration standards for network security controls are defined, implemented and maintained",
			"1.2.5": "All services, protocols and ports allowed are identified, approved, and have a business need",
			"1.2.7": "Configurations of network security controls are reviewed every six months, and confirmed as relevant and effective",
		}, []string{"1.2.1", "1.2.5", "1.2.7"}},
		{"nist", "NIST SP 800-53 Rev. 5", "NIST 800-53 ", map[string]string{
			"AC-3": "Access Enforcement", "AC-4": "Information Flow Enforcement", "AC-6": "Least Privilege",
			"AU-5": "Response to Audit Logging Process Failures", "AU-6": "Audit Record Review, Analysis, and Reporting", "AU-11": "Audit Record Retention",
			"CA-7": "Continuous Monitoring", "CA-9": "Internal System Connections",
			"CM-2": "Baseline Configuration", "CM-3": "Configuration Change Control", "CM-6": "Configuration Settings", "CM-7": "Least Functionality",
			"CP-10": "System Recovery and Reconstitution", "SC-5": "Denial-of-service Protection", "SC-7": "Boundary Protection",
			"SC-7(5)": "Deny by Default, Allow by Exception", "SI-4": "System Monitoring",
		}, []string{"AU-5", "AU-6", "AU-11", "CA-7", "CM-3", "CP-10"}},
	}
}

// Comply says of each control of a framework that the report's rules refer to
// what the report shows of it: violated ones first. It is nil for a framework
// that does not exist.
func Comply(r *Report, framework string) []Control {
	all := Frameworks()
	i := slices.IndexFunc(all, func(f Framework) bool { return f.Key == framework })
	if i < 0 {
		return nil
	}
	by := map[string][]RuleInfo{}
	for _, rule := range r.Rules {
		for _, ref := range rule.References {
			id, ok := strings.CutPrefix(ref, all[i].prefix)
			if _, known := all[i].titles[id]; ok && known {
				by[id] = append(by[id], rule)
			}
		}
	}
	out := make([]Control, 0, len(by))
	for id, rules := range by {
		c := r.control(Control{Framework: framework, ID: id, Title: all[i].titles[id]}, rules)
		if c.State == Satisfied && slices.Contains(all[i].humans, id) {
			c.State, c.Why = NotShown, "it asks for what people do; evidence for them: "+c.Why
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Control) int {
		return cmp.Or(cmp.Compare(a.State.rank(), b.State.rank()), naturally(a.ID, b.ID))
	})
	return out
}

func (s ControlState) rank() int {
	return slices.Index([]ControlState{Violated, NotShown, Satisfied}, s)
}

// naturally orders SC-7 before SC-10.
func naturally(a, b string) int {
	return cmp.Or(cmp.Compare(letters(a), letters(b)), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

func letters(s string) string { return strings.TrimRight(s, "0123456789()-.") }

// control decides one control.
func (r *Report) control(c Control, rules []RuleInfo) Control {
	of := map[string]bool{}
	for _, rule := range rules {
		of[rule.ID] = true
		c.Rules = append(c.Rules, rule.ID)
	}
	slices.Sort(c.Rules)
	c.Rules = slices.Compact(c.Rules)
	accepted, notes, passes := 0, 0, 0
	for i := range r.Findings {
		f := &r.Findings[i]
		switch {
		case !of[f.ID]:
		case f.Kind == Passes:
			passes++
		case f.Suppressed != nil:
			accepted++
		case f.Severity == Info:
			notes++
		default:
			c.Findings = append(c.Findings, f.Fingerprint)
		}
	}
	proven, bare, all := r.layers(rules)
	missing := r.missing(rules)
	switch {
	case len(c.Findings) > 0:
		c.State, c.Why = Violated, plural(uint64(len(c.Findings)), "finding")
	case missing != "":
		c.State, c.Why = NotShown, missing
	case accepted > 0:
		c.State, c.Why = NotShown, plural(uint64(accepted), "finding")+" accepted, which satisfies nothing"
	case notes > 0:
		c.State, c.Why = NotShown, "nothing stands against it, but the evidence is thin"
	case bare > 0:
		c.State, c.Why = NotShown, fmt.Sprintf("nothing was found, but %d of %s not covered or contradicted", bare, plural(uint64(all), "namespace"))
	case passes+proven == 0:
		c.State, c.Why = NotShown, "nothing was found, and nothing shows that it holds"
	default:
		c.State, c.Why = Satisfied, positively(passes, proven, all)
	}
	return c
}

func positively(passes, proven, all int) string {
	var s []string
	if passes > 0 {
		s = append(s, plural(uint64(passes), "proof"))
	}
	if proven > 0 {
		s = append(s, fmt.Sprintf("proven in %d of %s", proven, plural(uint64(all), "namespace")))
	}
	return "nothing was found; " + strings.Join(s, ", ")
}

// missing says why it can't be said that a control is satisfied, whatever was
// found: a rule was not applied in full, or not all was seen.
func (r *Report) missing(rules []RuleInfo) string {
	c := &r.Coverage
	for _, rule := range rules {
		if why, ok := c.Skipped[rule.Name]; ok {
			return fmt.Sprintf("%s was skipped: %s", rule.Name, why)
		}
		if n := c.Withheld[rule.Name]; n > 0 {
			return fmt.Sprintf("%s withheld %s for want of evidence", rule.Name, plural(uint64(n), "finding"))
		}
	}
	switch {
	case c.Lost > 0:
		return plural(c.Lost, "flow") + " lost"
	case len(c.SilentNodes) > 0:
		return plural(uint64(len(c.SilentNodes)), "node") + " silent"
	case len(c.Unreadable) > 0:
		return "some kinds of object could not be read"
	}
	return ""
}

// layers counts the namespaces in which something runs, and that are not the
// platform's own; of those, the ones in which a layer that the rules speak of is
// proven, and the ones in which one is not covered or is contradicted.
func (r *Report) layers(rules []RuleInfo) (proven, bare, all int) {
	for i := range r.ScoreCard {
		s := &r.ScoreCard[i]
		if s.System || s.Workloads == 0 {
			continue
		}
		yes, no := false, false
		for _, rule := range rules {
			if layer, _ := s.concerned(&Finding{ID: rule.ID}); layer != nil {
				yes = yes || layer.State == ProvenOK
				no = no || layer.State == Disproved || layer.State == NotCovered
			}
		}
		all++
		if no {
			bare++
		} else if yes {
			proven++
		}
	}
	return proven, bare, all
}
