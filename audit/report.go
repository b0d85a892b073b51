package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Schema is the version of the record.
const Schema = "segproof.dev/report/v1"

// A Report is the outcome of a run: plain data, and, as JSON, the record.
type Report struct {
	Schema   string     `json:"schema"`
	Cluster  string     `json:"cluster"`
	Run      Run        `json:"run"`
	Findings []Finding  `json:"findings"` // worst first, fully ordered
	Gone     []Finding  `json:"gone,omitempty"`
	Coverage Coverage   `json:"coverage"`
	Rules    []RuleInfo `json:"rules"` // those applied or skipped, by id

	ScoreCard      []Score    `json:"scorecard"`      // by namespace
	PolicyCoverage []Exercise `json:"policyCoverage"` // by policy and rule
	Edges          []Edge     `json:"edges,omitempty"`
	Objects        []Declared `json:"objects,omitempty"`    // that findings and edges name
	Compliance     []Control  `json:"compliance,omitempty"` // of the framework that was asked for, if one was
}

// Run says why, when and by what the report was made.
type Run struct {
	ID      string    `json:"id"`
	Trigger Trigger   `json:"trigger"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"`
	Version string    `json:"version,omitempty"`
}

// Trigger is why a run began.
type Trigger string

// Triggers.
const (
	Manual   Trigger = "manual"
	Schedule Trigger = "schedule"
	Change   Trigger = "change"
	Urgent   Trigger = "contradiction" // a declared deny seems to be carried: that does not wait
)

// Coverage is what was and was not seen.
type Coverage struct {
	From             time.Time         `json:"from,omitzero"` // the window really covered
	To               time.Time         `json:"to,omitzero"`
	Asked            time.Time         `json:"asked,omitzero"` // from when flows were asked for
	Flows            uint64            `json:"flows"`
	Conversations    int               `json:"conversations"`
	Lost             uint64            `json:"lost"`
	LostBy           map[string]uint64 `json:"lostBy,omitempty"`
	Gaps             []Gap             `json:"gaps,omitempty"`   // times for which flows of a node are missing
	Folded           uint64            `json:"folded,omitempty"` // flows merged into "other" at a cap
	Nodes            []NodeCoverage    `json:"nodes"`
	SilentNodes      []string          `json:"silentNodes"`
	Unreadable       []string          `json:"unreadable"`
	Absent           []string          `json:"absent,omitempty"` // kinds that the cluster does not serve
	PartlyUnderstood []string          `json:"partlyUnderstood"`
	Rejected         []string          `json:"rejected,omitempty"` // policies that Cilium rejects: they do nothing
	Ignored          map[string]int    `json:"ignored,omitempty"`  // objects of other kinds
	Problems         []string          `json:"problems,omitempty"` // input that could not be read
	BadRecords       int               `json:"badRecords"`
	Workloads        int               `json:"workloads"`         // workloads with pods that policy can isolate
	Unheard          []string          `json:"unheard,omitempty"` // of those, the ones no flow spoke of
	Unjudged         map[string]uint64 `json:"unjudged,omitempty"`
	Withheld         map[string]int    `json:"withheld"`              // rule → findings the evidence was not enough for
	Skipped          map[string]string `json:"skipped"`               // rule → why it was not applied
	FoldedEdges      int               `json:"foldedEdges,omitempty"` // left out of the report's edges at a cap
	FoldedObjects    int               `json:"foldedObjects,omitempty"`
}

// Percent is how much of what there was to see was seen: the least of the
// share of flows not lost, of nodes that answered, and of workloads heard of.
func (c *Coverage) Percent() int {
	share := func(part, whole uint64) int {
		if whole == 0 {
			return 0
		}
		return int(part * 100 / whole)
	}
	if c.Flows == 0 {
		return 0
	}
	p := share(c.Flows, c.Flows+c.Lost)
	if n := len(c.Nodes) + len(c.SilentNodes); n > 0 {
		p = min(p, share(uint64(len(c.Nodes)), uint64(n)))
	}
	if c.Workloads > 0 {
		p = min(p, share(uint64(c.Workloads-len(c.Unheard)), uint64(c.Workloads)))
	}
	return p
}

// Conclusive tells whether the window is long enough, and was seen whole, for what
// was not seen in it to mean something: that a rule is not used, or how little is
// needed. What happens but once a month is to show.
func (c *Coverage) Conclusive() (long, whole bool) {
	long = c.To.Sub(c.From) >= 30*24*time.Hour
	whole = c.Percent() >= 99 && c.Lost == 0 && c.Folded == 0 && c.BadRecords == 0 && len(c.SilentNodes) == 0 && len(c.Gaps) == 0
	return long, whole
}

// RuleInfo is a rule as data, in reports and in the output of the rules command.
type RuleInfo struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Severity   Severity `json:"severity"`
	Title      string   `json:"title"`
	Why        string   `json:"why"`
	Fix        string   `json:"fix"`
	Blind      string   `json:"blind"`
	DefaultOn  bool     `json:"defaultOn"`
	References []string `json:"references"`
	Needs      []string `json:"needs"` // inputs that it rests on: policies, flows, Kyverno
}

// Info is the rule as data.
func (r *Rule) Info() RuleInfo {
	refs := append([]string{}, r.References...)
	return RuleInfo{r.ID, r.Name, r.Severity, r.Doc.Title, r.Doc.Why, r.Doc.Fix, r.Doc.Blind, !r.Off, refs, r.Needs.Names()}
}

// Worst is the highest severity among failed findings that count: those that
// no exception accepts and, where a baseline was given, that it did not have.
// ok is false if there are none.
func (r *Report) Worst() (worst Severity, ok bool) {
	for _, f := range r.Findings {
		if f.Kind == Fails && f.Suppressed == nil && f.State != Unchanged && (!ok || f.Severity.Rank() > worst.Rank()) {
			worst, ok = f.Severity, true
		}
	}
	return worst, ok
}

// Compare sets the state of each finding relative to a former record, and
// lists what is gone: only what was looked for again. A rule that was skipped,
// or that withheld something, turns nothing green. What was gone in the former
// record, and is here, is back; so is what was accepted there and is not any more.
// A proof that has become a failure is new.
func Compare(before, now *Report) {
	gone, stood, here := told(before.Gone), told(before.Findings), told(now.Findings)
	accepted := told(slices.DeleteFunc(slices.Clone(before.Findings), func(f Finding) bool { return f.Suppressed == nil }))
	for i := range now.Findings {
		f := &now.Findings[i]
		returns := accepted[f.told()] && f.Suppressed == nil // its exception is over
		switch {
		case stood[f.told()] && !returns:
			f.State = Unchanged
		case gone[f.told()] || returns:
			f.State = Back
		default:
			f.State = New
		}
	}
	now.Gone = nil
	looked := now.lookedFor()
	for _, f := range before.Findings {
		if f.Kind == Fails && !here[f.told()] && looked(f) {
			now.Gone = append(now.Gone, f)
		}
	}
	SortFindings(now.Gone)
}

// tale is what a finding tells, whenever it is told.
type tale struct {
	fingerprint string
	kind        Kind
}

func (f *Finding) told() tale { return tale{f.Fingerprint, f.Kind} }

func told(fs []Finding) map[tale]bool {
	out := make(map[tale]bool, len(fs))
	for i := range fs {
		out[fs[i].told()] = true
	}
	return out
}

// enough is the share of flows, in percent, that must have been seen if that
// something was not seen again is to mean anything.
const enough = 99

// lookedFor tells of a former finding whether it would have been found again:
// its rule was applied, withheld nothing, and could see what it rests on.
func (r *Report) lookedFor() func(Finding) bool {
	c := &r.Coverage
	blind := map[string]bool{
		Flows.String():    len(c.SilentNodes) > 0 || len(c.Gaps) > 0 || c.Lost*100 > (c.Flows+c.Lost)*(100-enough),
		Policies.String(): slices.ContainsFunc(c.Unreadable, func(u string) bool { return !ofKyverno(u) }),
		Kyverno.String():  slices.ContainsFunc(c.Unreadable, func(u string) bool { return ofKyverno(u) || ofNamespaces(u) }),
	}
	applied := map[string]bool{}
	for _, i := range r.Rules {
		_, skipped := c.Skipped[i.Name]
		needs := i.Needs
		if len(needs) == 0 { // not told: everything
			needs = (Policies | Flows | Kyverno).Names()
		}
		sees := !slices.ContainsFunc(needs, func(n string) bool { return blind[n] })
		applied[i.Name] = !skipped && sees && c.Withheld[i.Name] == 0
	}
	return func(f Finding) bool {
		// A finding about a conversation is gone only if its subject was heard of.
		return applied[f.Rule] && (f.Direction == "" || f.Peer == nil || !slices.Contains(c.Unheard, f.Subject.String()))
	}
}

// ofKyverno tells whether an unreadable kind says nothing but what Kyverno does.
func ofKyverno(kind string) bool {
	kind, _, _ = strings.Cut(kind, ": ")
	return strings.Contains(kind, "kyverno") || strings.HasSuffix(kind, "wgpolicyk8s.io") || strings.HasSuffix(kind, "openreports.io") ||
		strings.HasSuffix(kind, "admissionregistration.k8s.io")
}

// ofNamespaces tells of the kinds that Kyverno's rules speak of beside its own.
func ofNamespaces(kind string) bool {
	return strings.HasPrefix(kind, "namespaces") || strings.Contains(kind, "networkpolicies")
}

// Encode writes the record: indented JSON and a final newline.
func Encode(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Decode reads a record. A document that is no record is an error that says so.
func Decode(from io.Reader) (*Report, error) {
	var r Report
	d := json.NewDecoder(from)
	if err := d.Decode(&r); err != nil {
		if s, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, fmt.Errorf("not a record: %w at byte %d", err, s.Offset)
		}
		return nil, fmt.Errorf("not a record: %w", err)
	}
	if !strings.HasPrefix(r.Schema, "segproof.dev/report/") {
		return nil, fmt.Errorf("not a record: schema is %q, expected %q", r.Schema, Schema)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("record of schema %q; this version reads %q", r.Schema, Schema)
	}
	return &r, nil
}
