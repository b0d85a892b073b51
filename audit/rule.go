package audit

import (
	"fmt"
	"regexp"
	"strings"
)

// A Rule is one thing looked for. It is a value in a list, not a plug-in.
type Rule struct {
	ID         string // SEG401: permanent, never reused, never renamed
	Name       string // flow-drop-gap: flags, configuration, file and folder names
	Severity   Severity
	Needs      Input // a rule whose inputs are absent is skipped, and the report says so
	Off        bool  // off unless asked for
	Doc        Doc
	References []string // controls, such as "CIS Kubernetes 5.3.2"
	Check      func(*Pass)
}

// Doc is the documentation of a rule, in plain sentences.
type Doc struct {
	Title string
	Why   string // what it means when the rule does not hold
	Fix   string // what to do next
	Blind string // what the rule can't see, and when it is wrong
}

// Input is what a rule rests on.
type Input uint8

// Inputs, to be combined.
const (
	Policies   Input = 1 << iota // the network policies
	Flows                        // what Hubble saw
	Kyverno                      // Kyverno's policies and reports
	Exceptions                   // what exceptions made of the findings of other rules, after which such a rule is applied
)

// String names the inputs, with commas between.
func (i Input) String() string { return strings.Join(i.Names(), ", ") }

// Names names each input.
func (i Input) Names() []string {
	s := []string{}
	for _, x := range []struct {
		in   Input
		name string
	}{{Policies, "policies"}, {Flows, "flows"}, {Kyverno, "Kyverno"}, {Exceptions, "exceptions"}} {
		if i&x.in != 0 {
			s = append(s, x.name)
		}
	}
	return s
}

// A Pass is all that one rule may look at, and its only way to speak.
type Pass struct {
	*Snapshot
	Engine    Engine     // nil without an inventory
	Judgement *Judgement // nil without flows or without an inventory
	rule      *Rule
	report    *Report
	accepted  []*Acceptance
	shared    map[any]any
}

// Shared is what make makes of the snapshot, made once for all rules of a run,
// who must not change it. A key is a value of a type of its own.
func Shared[T any](p *Pass, key any, make func(*Pass) T) T {
	if made, ok := p.shared[key].(T); ok {
		return made
	}
	made := make(p)
	if p.shared != nil {
		p.shared[key] = made
	}
	return made
}

// Report adds a finding. The rule's id, name and severity are filled in.
func (p *Pass) Report(f Finding) {
	f.ID, f.Rule, f.Severity = p.rule.ID, p.rule.Name, p.rule.Severity
	if f.Kind == "" {
		f.Kind = Fails
	}
	if f.Fix == "" {
		f.Fix = p.rule.Doc.Fix
	}
	p.report.Findings = append(p.report.Findings, f)
}

// Withhold counts n findings that the evidence was not enough for.
func (p *Pass) Withhold(n int) {
	if n > 0 {
		p.report.Coverage.Withheld[p.rule.Name] += n
	}
}

// Seen is what was and was not seen.
func (p *Pass) Seen() *Coverage { return &p.report.Coverage }

// Cluster names the cluster as the subject of a finding.
func (p *Pass) Cluster() Ref { return Ref{Kind: "Cluster", Name: p.report.Cluster} }

var (
	ruleID   = regexp.MustCompile(`^SEG[1-9][0-9]{2}$`)
	ruleName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
)

// Validate checks a list of rules: good and unique ids and names, a known
// severity, documentation whole, a check present.
func Validate(rules []*Rule) error {
	seen := map[string]bool{}
	for _, r := range rules {
		switch {
		case !ruleID.MatchString(r.ID):
			return fmt.Errorf("rule %q: id %q is not SEG and three digits", r.Name, r.ID)
		case !ruleName.MatchString(r.Name):
			return fmt.Errorf("rule %s: name %q is not family-thing", r.ID, r.Name)
		case seen[r.ID] || seen[r.Name]:
			return fmt.Errorf("rule %s %s: id or name is taken", r.ID, r.Name)
		case r.Severity.Rank() < 0:
			return fmt.Errorf("rule %s: no such severity: %q", r.ID, r.Severity)
		case r.Doc.Title == "" || r.Doc.Why == "" || r.Doc.Fix == "" || r.Doc.Blind == "":
			return fmt.Errorf("rule %s: title, why, fix and blind must all be written", r.ID)
		case r.Check == nil:
			return fmt.Errorf("rule %s: no check", r.ID)
		}
		seen[r.ID], seen[r.Name] = true, true
	}
	return nil
}
