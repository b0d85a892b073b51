package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Annotations by which an object accepts findings about it; those of a namespace
// hold for everything in it.
const (
	AnnotationIgnore  = "segproof.dev/ignore"         // rules by id or name, with commas between, or *
	AnnotationReason  = "segproof.dev/ignore-reason"  // without one the exception does not apply
	AnnotationExpires = "segproof.dev/ignore-expires" // a date, until its end in UTC, or an instant as in RFC 3339
)

// WasAccepted begins the evidence of a finding that an exception accepted until
// it expired.
const WasAccepted = "was accepted until"

// Bounds on exceptions by annotation.
const (
	maxIgnored    = 64     // rules of one annotation
	maxExceptions = 10_000 // in all
)

// An Acceptance is an exception, and what became of it in a run.
type Acceptance struct {
	Exception
	Object   Ref    // that bears the annotation; zero if the configuration holds it
	Findings int    // that it matches
	Expired  bool   // so that it accepts none of them any more
	Faulty   string // why it accepts nothing, whatever is found
	Unsure   string // why it can't be said that nothing is there to match
}

// About is whose matter the exception is: the object that bears it, or else the
// exception itself, named by what it is about.
func (a *Acceptance) About() Ref {
	if a.Object != (Ref{}) {
		return a.Object
	}
	return Ref{Kind: "Exception", Name: a.what()}
}

func (a *Acceptance) what() string {
	what := cmp.Or(a.Rule, "*")
	if a.Fingerprint != "" {
		what = strings.TrimPrefix(what+" "+a.Fingerprint, "* ")
	}
	var about []string
	for _, s := range []string{a.Subject.Kind, a.Subject.Namespace, a.Subject.Name} {
		about = append(about, cmp.Or(s, "*"))
	}
	if a.Subject != (Ref{}) {
		what += " of " + strings.Join(about, "/")
	}
	return what
}

// Until is when the exception ends, as it is written.
func (e *Exception) Until() string {
	if e.Expires.Equal(e.Expires.Truncate(24 * time.Hour)) {
		return "the end of " + e.Expires.Add(-time.Second).UTC().Format(time.DateOnly)
	}
	return e.Expires.UTC().Format(time.RFC3339)
}

// exceptions are all there are: of the configuration, then by annotation.
func (s *Snapshot) exceptions(c *Coverage) []*Acceptance {
	var out []*Acceptance
	for _, e := range s.Exceptions {
		out = append(out, &Acceptance{Exception: e})
	}
	for _, x := range s.annotated() {
		if len(out) >= maxExceptions {
			c.Problems = append(c.Problems, fmt.Sprintf("more than %d exceptions; those of later objects were not read", maxExceptions))
			break
		}
		out = append(out, x.exceptions()...)
	}
	now := s.now()
	for _, a := range out {
		a.Expired = a.Faulty == "" && !a.Expires.IsZero() && !now.Before(a.Expires)
		if a.Reason == "" {
			a.Faulty = cmp.Or(a.Faulty, "no reason is given")
		}
	}
	return out
}

// An annotation is what an object says of findings about it.
type annotation struct {
	object Ref
	texts  map[string]string
}

// annotated are the objects that accept something, in order.
func (s *Snapshot) annotated() []annotation {
	if s.Inventory == nil {
		return nil
	}
	var out []annotation
	add := func(r Ref, m map[string]string) {
		if m[AnnotationIgnore] != "" {
			out = append(out, annotation{r, m})
		}
	}
	for i := range s.Namespaces {
		add(Ref{Kind: "Namespace", Name: s.Namespaces[i].Name}, s.Namespaces[i].Annotations)
	}
	for i := range s.Pods {
		if p := &s.Pods[i]; p.Annotations != nil {
			add(Ref{Kind: "Pod", Namespace: p.Namespace, Name: p.Name}, p.Annotations)
		}
	}
	for i := range s.Workloads {
		add(s.Workloads[i].Ref, s.Workloads[i].Annotations)
	}
	for _, o := range slices.Concat(s.Policies, s.Kyverno) {
		add(o.Ref, o.Annotations)
	}
	slices.SortStableFunc(out, func(a, b annotation) int { return a.object.Compare(b.object) })
	return out
}

// exceptions has one for each rule that the annotation names.
func (x annotation) exceptions() []*Acceptance {
	base := Acceptance{Object: x.object}
	base.Reason = strings.TrimSpace(x.texts[AnnotationReason])
	base.From = "annotation " + AnnotationIgnore + " of " + x.object.String()
	base.Subject = x.object
	if x.object.Kind == "Namespace" {
		base.Subject = Ref{Namespace: x.object.Name}
	}
	if until := strings.TrimSpace(x.texts[AnnotationExpires]); until != "" {
		var ok bool
		if base.Expires, ok = parseUntil(until); !ok {
			base.Faulty = fmt.Sprintf("its end %q is neither a date nor a time", until)
		}
	}
	var out []*Acceptance
	for name := range strings.SplitSeq(x.texts[AnnotationIgnore], ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		one := base
		if one.Rule = name; name == "*" {
			one.Rule = ""
		}
		if len(out) == maxIgnored {
			one.Faulty = fmt.Sprintf("it names more than %d rules", maxIgnored)
			return append(out, &one)
		}
		out = append(out, &one)
	}
	return out
}

// parseUntil reads a day, which lasts until its end in UTC, or an instant.
func parseUntil(s string) (time.Time, bool) {
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day.Add(24 * time.Hour), true
	}
	at, err := time.Parse(time.RFC3339, s)
	return at.UTC(), err == nil
}

// now is the instant against which exceptions expire.
func (s *Snapshot) now() time.Time {
	now := s.Now
	if now.IsZero() && s.Inventory != nil {
		now = s.At
	}
	if s.Now.IsZero() && s.Traffic != nil && s.Until.After(now) {
		now = s.Until
	}
	return now
}

// matches tells whether a finding is one that the exception accepts.
func (e *Exception) matches(f *Finding) bool {
	fits := func(want, is string) bool { return want == "" || want == is }
	return f.Kind == Fails &&
		(e.Rule == "" || e.Rule == "*" || e.Rule == f.ID || e.Rule == f.Rule) &&
		fits(e.Fingerprint, f.Fingerprint) && fits(e.Subject.Kind, f.Subject.Kind) &&
		fits(e.Subject.Namespace, f.namespace()) && fits(e.Subject.Name, f.Subject.Name)
}

// accept marks the findings that an exception accepts, and says of an expired
// one that it did.
func (r *Report) accept(s *Snapshot, rules []*Rule) []*Acceptance {
	all := s.exceptions(&r.Coverage)
	if len(all) == 0 {
		return nil
	}
	x := indexExceptions(all)
	for i := range r.Findings {
		f := &r.Findings[i]
		var expired *Acceptance
		for _, a := range x.candidates(f) {
			if !a.matches(f) {
				continue
			}
			a.Findings++
			switch {
			case a.Faulty != "":
			case a.Expired:
				expired = cmp.Or(expired, a)
			case f.Suppressed == nil:
				f.Suppressed = &Suppression{Reason: a.Reason, Expires: a.Expires, From: a.From}
			}
		}
		if f.Suppressed == nil && expired != nil {
			f.Evidence = append(f.Evidence, Evidence{What: fmt.Sprintf("%s %s (%s), by %s", WasAccepted, expired.Until(), expired.Reason, expired.From)})
		}
	}
	for _, a := range all {
		a.Unsure = r.unsure(a, rules)
	}
	return all
}

// exceptionIndex finds the exceptions that may match a finding.
type exceptionIndex struct {
	prints  map[string][]*Acceptance
	spaces  map[string][]*Acceptance
	general []*Acceptance
}

func indexExceptions(all []*Acceptance) *exceptionIndex {
	x := &exceptionIndex{prints: map[string][]*Acceptance{}, spaces: map[string][]*Acceptance{}}
	for _, a := range all {
		switch {
		case a.Fingerprint != "":
			x.prints[a.Fingerprint] = append(x.prints[a.Fingerprint], a)
		case a.Subject.Namespace != "":
			x.spaces[a.Subject.Namespace] = append(x.spaces[a.Subject.Namespace], a)
		default:
			x.general = append(x.general, a)
		}
	}
	return x
}

func (x *exceptionIndex) candidates(f *Finding) []*Acceptance {
	return slices.Concat(x.prints[f.Fingerprint], x.general, x.spaces[f.namespace()])
}

// exceptionWindow is how long traffic must have been watched before an exception
// about it can be called unused.
const exceptionWindow = 24 * time.Hour

// unsure says why an exception that matches nothing may still be needed: what it
// is about was not looked for, or not long enough.
func (r *Report) unsure(a *Acceptance, rules []*Rule) string {
	c := &r.Coverage
	for _, rule := range rules {
		if rule.Needs&Exceptions != 0 || a.Rule != "" && a.Rule != "*" && a.Rule != rule.ID && a.Rule != rule.Name {
			continue
		}
		why := c.Skipped[rule.Name]
		switch {
		case why != "":
			return rule.Name + " was skipped: " + why
		case c.Withheld[rule.Name] > 0:
			return rule.Name + " withheld findings"
		case rule.Needs&Flows != 0 && (c.Lost > 0 || len(c.SilentNodes) > 0):
			return "part of the traffic was not seen"
		case rule.Needs&Flows != 0 && c.To.Sub(c.From) < exceptionWindow:
			return "the traffic was watched for less than a day"
		case len(c.Unreadable) > 0:
			return "some kinds of object could not be read"
		}
	}
	return ""
}

// Accepted is every exception and what became of it. Only a rule that needs
// [Exceptions] may ask, since it is applied after the others.
func (p *Pass) Accepted() []*Acceptance { return p.accepted }
