package audit_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

// encode is a record as it is written.
func encode(t *testing.T, r *audit.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := audit.Encode(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var (
	web  = audit.Ref{Kind: "Pod", Namespace: "shop", Name: "web-1"}
	shop = audit.Ref{Kind: "Namespace", Name: "shop"}
)

// three are findings about a pod, its namespace and another namespace.
func three() *audit.Rule {
	return &audit.Rule{ID: "SEG401", Name: "flow-drop-gap", Severity: audit.High, Check: func(p *audit.Pass) {
		for _, s := range []audit.Ref{web, shop, {Kind: "Namespace", Name: "edge"}} {
			p.Report(audit.Finding{Subject: s, Message: "m"})
		}
		p.Report(audit.Finding{Subject: web, Kind: audit.Passes, Message: "proof"})
	}}
}

// accepted lists the subjects of the findings that are accepted.
func accepted(r *audit.Report) []string {
	var out []string
	for _, f := range r.Findings {
		if f.Suppressed != nil {
			out = append(out, f.Subject.Name)
		}
	}
	return out
}

func TestAnExceptionAcceptsWhatItNamesAndNothingElse(t *testing.T) {
	print := newLab(t, twoNamespaces).check(three()).Findings[2].Fingerprint
	for name, c := range map[string]struct {
		e    audit.Exception
		want []string
	}{
		"rule by name":        {audit.Exception{Rule: "flow-drop-gap"}, []string{"edge", "shop", "web-1"}},
		"rule by id":          {audit.Exception{Rule: "SEG401"}, []string{"edge", "shop", "web-1"}},
		"another rule":        {audit.Exception{Rule: "SEG402"}, nil},
		"a fingerprint":       {audit.Exception{Fingerprint: print}, []string{"web-1"}},
		"a namespace":         {audit.Exception{Subject: audit.Ref{Namespace: "shop"}}, []string{"shop", "web-1"}},
		"a kind":              {audit.Exception{Subject: audit.Ref{Kind: "Pod"}}, []string{"web-1"}},
		"an object":           {audit.Exception{Rule: "*", Subject: web}, []string{"web-1"}},
		"ends in a second":    {audit.Exception{Subject: web, Expires: midday.Add(time.Second)}, []string{"web-1"}},
		"ends now":            {audit.Exception{Subject: web, Expires: midday}, nil},
		"without a reason":    {audit.Exception{Subject: web, Reason: "-"}, nil},
		"another's namespace": {audit.Exception{Subject: audit.Ref{Namespace: "games"}}, nil},
	} {
		if c.e.Reason = strings.Trim("known"+c.e.Reason, "-"); name == "without a reason" {
			c.e.Reason = ""
		}
		l := newLab(t, twoNamespaces)
		l.options.Exceptions = []audit.Exception{c.e}
		r := l.check(three())
		if d := cmp.Diff(c.want, accepted(r)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if _, fails := r.Worst(); fails != (len(c.want) < 3) {
			t.Errorf("%s: the run fails: %v", name, fails)
		}
	}
}

func TestAnExpiredExceptionIsToldOfInTheFindingThatReturns(t *testing.T) {
	l := newLab(t, twoNamespaces)
	l.options.Exceptions = []audit.Exception{{Subject: web, Reason: "until the move", Expires: midday.Truncate(24 * time.Hour), From: "segproof.yaml:7"}}
	r := l.check(three())
	for _, f := range r.Findings {
		says := len(f.Evidence) > 0 && f.Evidence[0].What == "was accepted until the end of 2026-02-28 (until the move), by segproof.yaml:7"
		if says != (f.Subject == web && f.Kind == audit.Fails) {
			t.Errorf("%s: %+v", f.Subject, f.Evidence)
		}
	}
}

func TestWhatIsNotAcceptedAnyMoreCountsAlsoAgainstABaseline(t *testing.T) {
	l := newLab(t, twoNamespaces)
	l.options.Exceptions = []audit.Exception{{Rule: "SEG401", Reason: "known", Expires: midday.Add(time.Hour)}}
	before := l.check(three())
	l.options.Now = midday.Add(2 * time.Hour)
	now := l.check(three())
	audit.Compare(before, now)
	if worst, fails := now.Worst(); !fails || worst != audit.High {
		t.Error("a finding that is not accepted any more fails nothing")
	}
	audit.Compare(now, now)
	if _, fails := now.Worst(); fails {
		t.Error("a finding that the baseline has fails the run")
	}
}

func TestAnAnnotationAcceptsWhatIsAboutItsObjectOrNamespace(t *testing.T) {
	const note = ", annotations: {segproof.dev/ignore: \" flow-drop-gap , SEG999\", segproof.dev/ignore-reason: known}"
	for name, c := range map[string]struct {
		yaml string
		want []string
	}{
		"namespace": {strings.Replace(twoNamespaces, "{name: shop,", "{name: shop"+note+",", 1), []string{"shop", "web-1"}},
		"no reason": {strings.Replace(twoNamespaces, "{name: shop,", "{name: shop, annotations: {segproof.dev/ignore: SEG401},", 1), nil},
		"no date": {
			strings.Replace(twoNamespaces, "{name: shop,", "{name: shop"+strings.TrimSuffix(note, "}")+", segproof.dev/ignore-expires: soon},", 1), nil,
		},
		"until today": {
			strings.Replace(twoNamespaces, "{name: shop,", "{name: shop"+strings.TrimSuffix(note, "}")+", segproof.dev/ignore-expires: \"2026-03-01\"},", 1),
			[]string{"shop", "web-1"},
		},
		"everything": {
			strings.Replace(twoNamespaces, "{name: shop,", "{name: shop, annotations: {segproof.dev/ignore: \"*\", segproof.dev/ignore-reason: x},", 1),
			[]string{"shop", "web-1"},
		},
		"a pod that nothing owns": {strings.Replace(twoNamespaces, "{name: web-1, namespace: shop,", "{name: web-1, namespace: shop"+note+",", 1), []string{"web-1"}},
		"a pod of a workload": {
			strings.Replace(twoNamespaces, "{name: web-1, namespace: shop,", "{name: web-1, namespace: shop, ownerReferences: [{apiVersion: v1, kind: ReplicaSet, name: web, uid: u, controller: true}]"+note+",", 1), nil,
		},
		"a pod, too long ago": {
			strings.Replace(twoNamespaces, "{name: web-1, namespace: shop,", "{name: web-1, namespace: shop"+strings.TrimSuffix(note, "}")+", segproof.dev/ignore-expires: \"2026-02-27\"},", 1), nil,
		},
		"the policy that decides": {twoNamespaces + strings.Replace(denyIngress, "{name: deny,", "{name: deny"+note+",", 1), nil},
	} {
		if d := cmp.Diff(c.want, accepted(newLab(t, c.yaml).check(three()))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestAnExceptionByFingerprintHoldsUnderTheNameThatTheOperatorGives(t *testing.T) {
	l := newLab(t, twoNamespaces)
	l.options.ClusterName = "prod"
	print := l.check(three()).Findings[2].Fingerprint
	l.options.Exceptions = []audit.Exception{{Fingerprint: print, Reason: "known"}}
	if r := l.check(three()); r.Cluster != "prod" || len(accepted(r)) != 1 {
		t.Errorf("%s: %v", r.Cluster, accepted(r))
	}
}

func TestWhatAnExceptionDidIsToldToTheRulesThatAsk(t *testing.T) {
	var got []audit.Acceptance
	asks := &audit.Rule{ID: "SEG703", Name: "evidence-exception-unused", Needs: audit.Exceptions, Severity: audit.Low, Check: func(p *audit.Pass) {
		for _, a := range p.Accepted() {
			got = append(got, *a)
		}
		p.Report(audit.Finding{Subject: shop, Message: "m"})
	}}
	l := newLab(t, twoNamespaces)
	l.options.Exceptions = []audit.Exception{{Rule: "SEG401", Reason: "a"}, {Rule: "SEG402", Reason: "b"}, {Subject: shop, Reason: "c"}, {Fingerprint: "00"}}
	flows := &audit.Rule{ID: "SEG402", Name: "flow-dns-dropped", Needs: audit.Flows, Check: func(*audit.Pass) {}}
	r := l.check(asks, three(), flows) // in whichever order
	var say []string
	for _, a := range got {
		say = append(say, strings.Join([]string{a.About().Name, a.Faulty, a.Unsure}, "|"), string(rune('0'+a.Findings)))
	}
	unsure := "flow-dns-dropped was skipped: no flows"
	want := []string{"SEG401||", "3", "SEG402||" + unsure, "0", "* of Namespace/*/shop||" + unsure, "1", "00|no reason is given|" + unsure, "0"}
	if d := cmp.Diff(want, say); d != "" {
		t.Error(d)
	}
	for _, f := range r.Findings {
		if f.ID == "SEG703" && (f.Suppressed != nil || f.Fingerprint == "") {
			t.Errorf("an exception accepts what is said of exceptions: %+v", f)
		}
	}
}

func TestAnOwnerIsNamedByTheObjectItsPodsOrItsNamespace(t *testing.T) {
	inv := &audit.Inventory{
		Namespaces: []audit.Namespace{{Name: "shop", Annotations: map[string]string{"team": "retail"}}, {Name: "edge"}},
		Workloads: []audit.Workload{
			{Ref: audit.Ref{Kind: "Deployment", Namespace: "shop", Name: "own"}, Labels: map[string]string{"owner": "o", "team": "t"}},
			{Ref: audit.Ref{Kind: "Deployment", Namespace: "shop", Name: "pods"}, PodLabels: map[string]string{"team": "p"}},
			{Ref: audit.Ref{Kind: "Deployment", Namespace: "shop", Name: "none"}, Labels: map[string]string{"team": " "}},
		},
		Pods:     []audit.Pod{{Namespace: "edge", Name: "bare", Labels: map[string]string{"team": "bare"}}},
		Policies: []*audit.Object{{Ref: audit.Ref{Kind: "NetworkPolicy", Namespace: "shop", Name: "np"}, Annotations: map[string]string{"owner": "netsec"}}},
	}
	want := map[audit.Ref]string{
		{Kind: "Deployment", Namespace: "shop", Name: "own"}: "t", {Kind: "Deployment", Namespace: "shop", Name: "pods"}: "p",
		{Kind: "Deployment", Namespace: "shop", Name: "none"}: "retail", {Kind: "NetworkPolicy", Namespace: "shop", Name: "np"}: "netsec",
		{Kind: "Pod", Namespace: "edge", Name: "bare"}: "bare", {Kind: "Namespace", Name: "shop"}: "retail",
		{Kind: "Namespace", Name: "edge"}: "", {Kind: "Cluster", Name: "default"}: "",
	}
	rule := &audit.Rule{ID: "SEG201", Name: "x-y", Severity: audit.Low, Check: func(p *audit.Pass) {
		for ref := range want {
			p.Report(audit.Finding{Subject: ref})
		}
	}}
	r := audit.Check(&audit.Snapshot{Inventory: inv, Options: audit.Options{OwnerKeys: []string{"team", "owner"}}}, nil, []*audit.Rule{rule})
	for _, f := range r.Findings {
		if f.Owner != want[f.Subject] {
			t.Errorf("%s belongs to %q, want %q", f.Subject, f.Owner, want[f.Subject])
		}
	}
}
