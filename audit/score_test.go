package audit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/segproof/segproof/audit"
)

// failing is a rule that finds one thing.
func failing(id, name string, severity audit.Severity, subject audit.Ref) *audit.Rule {
	return &audit.Rule{ID: id, Name: name, Severity: severity, Check: func(p *audit.Pass) {
		p.Report(audit.Finding{Subject: subject, Message: "it does not hold", Evidence: []audit.Evidence{{What: "seen", Last: midday}}})
	}}
}

func score(t *testing.T, r *audit.Report, namespace string) audit.Score {
	t.Helper()
	for _, s := range r.ScoreCard {
		if s.Namespace == namespace {
			return s
		}
	}
	t.Fatalf("no score of %s", namespace)
	return audit.Score{}
}

func TestTheNetworkLayerOfANamespaceIsWhatWasDeclaredAndSeen(t *testing.T) {
	web := audit.Ref{Kind: "Pod", Namespace: "shop", Name: "web-1"}
	denied := audit.Ref{Kind: "Cluster", Name: "default"}
	for name, c := range map[string]struct {
		yaml  string
		see   func(*lab)
		rules []*audit.Rule
		want  audit.LayerState
		why   string
	}{
		"nothing declared": {"", nil, nil, audit.NotCovered, "no policy isolates any pod"},
		"one pod isolated, no flows": {
			allowGate, nil, nil, audit.DeclaredOK, "1 of 2 workloads isolated for ingress; no flows were given",
		},
		"traffic, but no verdict": {
			denyIngress + allowGate, func(l *lab) { l.saw("gate", "web", delivered) }, nil,
			audit.DeclaredOK, "default deny for ingress; no verdict shows that it is enforced",
		},
		"a verdict that names no policy": {
			denyIngress + allowGate, func(l *lab) { l.saw("gate", "web", by(audit.Ingress)) }, nil,
			audit.DeclaredOK, "no verdict shows",
		},
		"verdicts at one end, silence at another": {
			denyIngress + allowGate + strings.ReplaceAll(strings.ReplaceAll(allowGate, "allow-gate", "allow-web"), "matchLabels: {app: web}", "matchLabels: {app: db}"),
			func(l *lab) {
				l.saw("gate", "web", by(audit.Ingress, "allow-gate"))
				l.saw("gate", "db", delivered)
			}, nil,
			audit.Enforced, "1 workload carried something without one",
		},
		"all that was carried was allowed by verdict": {
			denyIngress + allowGate, func(l *lab) { l.saw("gate", "web", by(audit.Ingress, "allow-gate")) }, nil,
			audit.ProvenOK, "all that was carried was allowed by a rule",
		},
		"a denial dropped": {
			denyIngress, func(l *lab) { l.saw("gate", "db", dropped(audit.Ingress)) }, nil,
			audit.ProvenOK, "1 denial seen dropping",
		},
		"a contradiction that is not settled": {
			denyIngress, func(l *lab) {
				l.saw("gate", "db", dropped(audit.Ingress))
				l.saw("gate", "web", delivered)
				l.saw("gate", "web", by(audit.Ingress, "deny"))
			}, nil,
			audit.Enforced, "could not be judged",
		},
		"a finding of enforcement": {
			denyIngress, func(l *lab) { l.saw("gate", "db", dropped(audit.Ingress)) },
			[]*audit.Rule{failing("SEG101", "enforce-deny-forwarded", audit.Critical, web)},
			audit.Disproved, "enforce-deny-forwarded: it does not hold",
		},
		"a finding about the cluster": {
			denyIngress, nil, []*audit.Rule{failing("SEG110", "enforce-cni-none", audit.Critical, denied)},
			audit.Disproved, "enforce-cni-none",
		},
		"a finding about the cluster, and nothing declared": {
			"", nil, []*audit.Rule{failing("SEG110", "enforce-cni-none", audit.Critical, denied)}, audit.NotCovered, "no policy",
		},
		"a gap is no contradiction": {
			denyIngress, func(l *lab) { l.saw("gate", "db", dropped(audit.Ingress)) },
			[]*audit.Rule{failing("SEG401", "flow-drop-gap", audit.High, web)},
			audit.ProvenOK, "1 denial",
		},
	} {
		l := newLab(t, twoNamespaces+c.yaml)
		if c.see != nil {
			c.see(l)
		}
		got := score(t, l.check(c.rules...), "shop").Network
		if got.State != c.want || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: %s because %q, want %s because %q", name, got.State, got.Why, c.want, c.why)
		}
		if seen := c.want == audit.Enforced || c.want == audit.ProvenOK || c.want == audit.Disproved; seen == got.Newest.IsZero() {
			t.Errorf("%s: the newest evidence is of %v", name, got.Newest)
		}
	}
}

func TestToAcceptAContradictionDoesNotMakeTheLayerHold(t *testing.T) {
	l := newLab(t, twoNamespaces+denyIngress)
	l.options.Exceptions = []audit.Exception{{Rule: "SEG101", Reason: "known"}}
	r := l.check(failing("SEG101", "enforce-deny-forwarded", audit.Critical, audit.Ref{Kind: "Pod", Namespace: "shop", Name: "web-1"}))
	got := score(t, r, "shop").Network
	if got.State != audit.Disproved || !strings.HasSuffix(got.Why, "(accepted)") || got.Findings != 0 {
		t.Errorf("%+v", got)
	}
	if _, fails := r.Worst(); fails {
		t.Error("an accepted finding fails the run")
	}
}

const clusterPolicy = `---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: need-limits}
spec:
  validationFailureAction: Enforce
  rules:
    - name: limits
      match: {any: [{resources: {kinds: [Pod], namespaces: ["sh*"]}}]}
      validate: {message: m, pattern: {spec: {}}}
`

const validatingPolicy = `---
apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: vpol}
spec: {matchConstraints: {}}
`

func exceptionFrom(rule, of string) string {
	return `---
apiVersion: kyverno.io/v2
kind: PolicyException
metadata: {name: ex, namespace: games}
spec:
  exceptions: [{policyName: need-limits, ruleNames: ["` + rule + `"]}]
  match: {any: [{resources: {kinds: [Pod], ` + of + `}}]}
`
}

func exceptionFromCEL(more string) string {
	return `---
apiVersion: policies.kyverno.io/v1
kind: PolicyException
metadata: {name: ex, namespace: games}
spec:
  policyRefs: [{kind: ValidatingPolicy, name: vpol}]
` + more
}

func TestTheAdmissionLayerIsWhatKyvernoDoesInTheNamespace(t *testing.T) {
	hook := func(open bool) []audit.Webhook {
		return []audit.Webhook{{Name: "validate.kyverno.svc", FailOpen: open}}
	}
	pass := []audit.KyvernoPasses{{Namespace: "shop", Policy: "need-limits", Rule: "limits", Count: 4, Newest: midday}}
	fail := []audit.KyvernoResult{{Policy: "need-limits", Rule: "limits", Result: "fail", Resource: audit.Ref{Kind: "Pod", Namespace: "shop", Name: "web-1"}, Timestamp: midday}}
	for name, c := range map[string]struct {
		yaml string
		with func(*audit.Inventory)
		want audit.LayerState
		why  string
	}{
		"no Kyverno":            {"", nil, audit.NotCovered, "no Kyverno objects"},
		"for another namespace": {strings.ReplaceAll(clusterPolicy, "sh*", "games"), nil, audit.NotCovered, "no policy of Kyverno is certain to match it"},
		"excluded": {
			strings.ReplaceAll(clusterPolicy, "      validate:", "      exclude: {any: [{resources: {namespaces: [shop]}}]}\n      validate:"), nil,
			audit.NotCovered, "certain to match",
		},
		"only audits": {strings.ReplaceAll(clusterPolicy, "Enforce", "Audit"), nil, audit.DeclaredOK, "none enforces"},
		"audits by an override": {
			strings.ReplaceAll(clusterPolicy, "  rules:", "  validationFailureActionOverrides: [{action: Audit, namespaces: [shop]}]\n  rules:"), nil,
			audit.DeclaredOK, "none enforces",
		},
		"the rule's own action beats an override of the policy": {
			strings.ReplaceAll(strings.ReplaceAll(clusterPolicy, "  rules:", "  validationFailureActionOverrides: [{action: Audit}]\n  rules:"), "{message: m,", "{message: m, failureAction: Enforce,"),
			nil, audit.DeclaredOK, "1 enforce",
		},
		"excepted": {
			clusterPolicy + exceptionFrom("limits", "namespaces: [shop]"), nil, audit.DeclaredOK, "1 Kyverno policy, 1 taken away by exceptions, none enforces",
		},
		"excepted elsewhere":    {clusterPolicy + exceptionFrom("limits", "namespaces: [games]"), nil, audit.DeclaredOK, "1 Kyverno policy, 1 enforce"},
		"another rule excepted": {clusterPolicy + exceptionFrom("autogen-*", "namespaces: [shop]"), nil, audit.DeclaredOK, "1 Kyverno policy, 1 enforce"},
		"excepted by name": {
			clusterPolicy + exceptionFrom("*", "names: [web-1]"), nil, audit.DeclaredOK, "1 Kyverno policy, 1 with exceptions for some objects, 1 enforce",
		},
		"excepted from a ValidatingPolicy": {validatingPolicy + exceptionFromCEL(""), nil, audit.DeclaredOK, "1 taken away by exceptions, none enforces"},
		"excepted by CEL":                  {validatingPolicy + exceptionFromCEL("  matchConditions: [{name: c, expression: 'true'}]\n"), nil, audit.DeclaredOK, "exceptions for some objects, 1 enforce"},
		"an exception that has ended":      {validatingPolicy + exceptionFromCEL("  expiresAt: 2020-01-01T00:00:00Z\n"), func(i *audit.Inventory) { i.At = midday }, audit.DeclaredOK, "1 Kyverno policy, 1 enforce"},
		"no webhook seen":                  {clusterPolicy, nil, audit.DeclaredOK, "no webhook of Kyverno was seen"},
		"webhook fails open":               {clusterPolicy, func(i *audit.Inventory) { i.Webhooks = hook(true) }, audit.DeclaredOK, "lets through what it can't judge"},
		"asked at admission":               {clusterPolicy, func(i *audit.Inventory) { i.Webhooks = hook(false) }, audit.Enforced, "1 enforce at admission"},
		"passes":                           {clusterPolicy, func(i *audit.Inventory) { i.Passes = pass }, audit.ProvenOK, "4 passes and no failure"},
		"fails":                            {clusterPolicy, func(i *audit.Inventory) { i.Passes, i.Results = pass, fail }, audit.Disproved, "Pod shop/web-1 fails need-limits"},
		"fails what only audits": {
			strings.ReplaceAll(clusterPolicy, "Enforce", "Audit"), func(i *audit.Inventory) { i.Results = fail }, audit.DeclaredOK, "none enforces",
		},
	} {
		l := newLab(t, twoNamespaces+c.yaml)
		if c.with != nil {
			c.with(l.inv)
		}
		got := score(t, l.check(), "shop").Admission
		if got.State != c.want || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: %s because %q, want %s because %q", name, got.State, got.Why, c.want, c.why)
		}
	}
}

func TestABaselineThatIsNotGeneratedContradictsAdmission(t *testing.T) {
	r := newLab(t, twoNamespaces).check(failing("SEG603", "kyverno-generate-missing", audit.High, audit.Ref{Kind: "Namespace", Name: "shop"}))
	if got := score(t, r, "shop").Admission; got.State != audit.Disproved || got.Findings != 1 {
		t.Errorf("%+v", got)
	}
	if got := score(t, r, "edge").Admission; got.State != audit.NotCovered {
		t.Errorf("another namespace: %+v", got)
	}
}

const layer7 = `---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingress:
    - fromEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: edge}}]
      toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{path: /api}]}}]
`

func TestLayer7IsProvenOnlyOnceTheProxyWasSeenRefusing(t *testing.T) {
	record := func(v audit.Verdict) func(*audit.Conversation) {
		return func(c *audit.Conversation) { c.Event, c.Verdict, c.Direction = audit.L7, v, audit.Ingress }
	}
	for name, c := range map[string]struct {
		yaml string
		see  func(*audit.Conversation)
		rule *audit.Rule
		want audit.LayerState
	}{
		"none declared":     {"", nil, nil, audit.NotCovered},
		"declared":          {layer7, nil, nil, audit.DeclaredOK},
		"the proxy passes":  {layer7, record(audit.Forwarded), nil, audit.Enforced},
		"the proxy refuses": {layer7, record(audit.Dropped), nil, audit.ProvenOK},
		"not applied": {
			layer7, record(audit.Forwarded), failing("SEG502", "l7-not-applied", audit.High, audit.Ref{Kind: "CiliumNetworkPolicy", Namespace: "shop", Name: "api"}), audit.Disproved,
		},
	} {
		l := newLab(t, twoNamespaces+c.yaml)
		if c.see != nil {
			l.saw("gate", "web", c.see)
		}
		var rules []*audit.Rule
		if c.rule != nil {
			rules = append(rules, c.rule)
		}
		if got := score(t, l.check(rules...), "shop").L7; got.State != c.want {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}

func TestANamespaceIsObservedOnlyIfAllOfItWasHeardAndNothingLost(t *testing.T) {
	all := func(l *lab) { l.saw("gate", "web", delivered).saw("gate", "db", delivered) }
	for name, c := range map[string]struct {
		see  func(*lab)
		want audit.LayerState
		why  string
	}{
		"no flows":            {func(*lab) {}, audit.NotCovered, "no flows were given"},
		"another's flows":     {func(l *lab) { l.saw("gate", "world", by(audit.Egress)) }, audit.NotCovered, "none of 2 workloads was heard of"},
		"a part":              {func(l *lab) { l.saw("gate", "web", delivered) }, audit.Enforced, "1 workload not heard of"},
		"all":                 {all, audit.ProvenOK, "2 of 2 workloads heard of, nothing lost"},
		"all, but flows lost": {func(l *lab) { all(l); l.traffic.Lost = 2 }, audit.Enforced, "2 flows lost"},
		"all, but a node silent": {
			func(l *lab) { all(l); l.traffic.SilentNodes = []string{"lab/node-1"} }, audit.Enforced, "nodes silent: lab/node-1",
		},
		"all, and a node silent that runs nothing here": {
			func(l *lab) { all(l); l.traffic.SilentNodes = []string{"node-9"} }, audit.ProvenOK, "nothing lost",
		},
		"all, but with a gap": {
			func(l *lab) { all(l); l.traffic.Gaps = []audit.Gap{{Node: "node-1", From: midday.Add(-time.Minute)}} }, audit.Enforced, "1 gap",
		},
	} {
		l := newLab(t, twoNamespaces)
		c.see(l)
		if got := score(t, l.check(), "shop").Observability; got.State != c.want || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: %s because %q, want %s because %q", name, got.State, got.Why, c.want, c.why)
		}
	}
}

func TestWithoutAnInventoryFlowsSayWhichNamespacesThereAre(t *testing.T) {
	l := newLab(t, twoNamespaces)
	l.saw("gate", "web", delivered)
	l.inv = nil
	r := l.check()
	if got := score(t, r, "shop"); got.Network.State != audit.NotCovered || got.Observability.State != audit.ProvenOK {
		t.Errorf("%+v", got)
	}
}
