package e2e

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/test/rig"
)

// A payments cluster is the scenario on a real datapath.
type payments struct {
	*rig.CiliumNode
	api                                 *rig.API
	gateway, service, identity, metrics *rig.Pod
	config                              string
}

// settled is a little more than the time for which a policy's change excuses
// everything, as the tests configure it.
const settled = 6 * time.Second

// judged are the rules that hold what was carried against what is declared; here
// nothing else is looked at, whatever other rules there may be.
var judged = []string{"enforce-deny-forwarded", "enforce-audit-mode", "flow-drop-gap", "flow-dns-dropped"}

func startPayments(t *testing.T, settings map[string]string) *payments {
	t.Helper()
	rig.Require(t, rig.Kube, rig.Cilium)
	api := rig.StartAPI(t)
	p := &payments{api: api, CiliumNode: rig.StartCilium(t, api, rig.CiliumOptions{Settings: settings})}
	p.config = save(t, "segproof.yaml", []byte("apiVersion: segproof.dev/v1\nkind: Config\nsettle: 5s\n"))
	api.Apply(t, testdata(t, "scenario.yaml"))
	p.service = p.Run(t, rig.Pod{Namespace: "payments", App: "payments-api", Serve: []string{"http:8080"}})
	p.identity = p.Run(t, rig.Pod{Namespace: "identity", App: "identity-api", Serve: []string{"http:8080"}})
	p.gateway = p.Run(t, rig.Pod{Namespace: "infra", App: "envoy", Labels: map[string]string{"app.kubernetes.io/name": "envoy"}})
	p.metrics = p.Run(t, rig.Pod{Namespace: "monitoring", App: "prometheus", Serve: []string{"tcp:9090"}})
	p.AwaitPolicies(t)
	rig.Pause(t, settled)
	return p
}

// A call is one kind of connection, again and again for longer than a gap must
// last, and how many of them must come about.
type call struct {
	from, to *rig.Pod
	kind     string
	port     string
	want     int
}

const (
	calls = 4
	every = 11 * time.Second
)

// traffic makes all calls side by side.
func (p *payments) traffic(t *testing.T, all ...call) {
	t.Helper()
	var running sync.WaitGroup
	for _, c := range all {
		running.Go(func() {
			if ok := p.Dial(t, c.from, c.kind, c.to.IP+":"+c.port, calls, every); ok != c.want {
				t.Errorf("%s to %s:%s: %d of %d came about, want %d", c.from.App, c.to.App, c.port, ok, calls, c.want)
			}
		})
	}
	running.Wait()
}

// audit judges what was carried since a moment, before which another policy
// stood. The command reckons from when it runs, so the pause before is included.
func (p *payments) audit(t *testing.T, since time.Time) *audit.Report {
	t.Helper()
	ago := (time.Since(since) + settled/2).Round(time.Millisecond)
	return rig.Audit(t, "--kubeconfig", p.api.Kubeconfig, "--hubble", p.Relay, "--since", ago.String(), "--config", p.config)
}

const (
	gap      = "fail flow-drop-gap Deployment payments/payments-api -> Deployment monitoring/prometheus TCP/9090"
	breach   = "fail enforce-deny-forwarded Deployment payments/payments-api -> Deployment monitoring/prometheus TCP/9090"
	isolated = "NetworkPolicy payments/allow-egress-to-identity, NetworkPolicy payments/default-deny-all"
)

func TestWhatCiliumDropsAndWhatItOnlyAuditsIsReportedUntilItIsAllowed(t *testing.T) {
	t.Parallel()
	p := startPayments(t, nil)
	t.Run("a drop that a default deny causes is reported with the missing allow", p.reportsTheGap)
	t.Run("once it is allowed nothing is reported", func(t *testing.T) {
		p.api.Apply(t, testdata(t, "allow-metrics.yaml"))
		p.AwaitPolicies(t)
		rig.Pause(t, settled)
		began := time.Now()
		p.traffic(t, call{p.service, p.metrics, "tcp", "9090", calls}, call{p.gateway, p.service, "http", "8080", calls})
		wantLines(t, "allowed", lines(p.audit(t, began), judged...))
	})
	t.Run("the policy of one pod that is only audited is reported", func(t *testing.T) {
		p.AuditMode(t, p.service, true)
		began := time.Now()
		p.traffic(t, call{p.metrics, p.service, "http", "8080", calls}, call{p.gateway, p.service, "http", "8080", calls})
		r := p.audit(t, began)
		wantLines(t, "audited", lines(r, judged...), "fail enforce-audit-mode Deployment payments/payments-api")
		if f := mustFind(t, r, "fail enforce-audit-mode Deployment payments/payments-api"); f.Direction != audit.Ingress || f.Severity != audit.High {
			t.Errorf("%s, %s", f.Direction, f.Severity)
		}
	})
}

func (p *payments) reportsTheGap(t *testing.T) {
	began := time.Now()
	p.traffic(t,
		call{p.gateway, p.service, "http", "8080", calls}, call{p.service, p.identity, "http", "8080", calls},
		call{p.service, p.metrics, "tcp", "9090", 0}, call{p.metrics, p.service, "http", "8080", 0})
	r := p.audit(t, began)
	wantLines(t, "with the default deny", lines(r, judged...), gap,
		"fail flow-drop-gap Deployment payments/payments-api <- Deployment monitoring/prometheus TCP/8080")
	f := mustFind(t, r, gap)
	if d := cmp.Diff(isolated, strings.Join(namesOf(f), ", ")); d != "" {
		t.Errorf("policies: %s", d)
	}
	const missing = "add an egress rule to pods app=prometheus of namespace monitoring on TCP 9090, in NetworkPolicy payments/allow-egress-to-identity"
	if !strings.Contains(f.Fix, missing) {
		t.Errorf("the fix does not say %q: %s", missing, f.Fix)
	}
	if r.Coverage.Flows == 0 || r.Coverage.Lost > 0 || len(r.Coverage.Nodes) != 1 {
		t.Errorf("coverage: %+v", r.Coverage)
	}
}

func TestADenyThatNothingEnforcesIsACriticalContradiction(t *testing.T) {
	t.Parallel()
	p := startPayments(t, map[string]string{"enable-policy": "never"})
	began := time.Now()
	p.traffic(t, call{p.service, p.metrics, "tcp", "9090", calls}, call{p.service, p.identity, "http", "8080", calls})
	r := p.audit(t, began)
	wantLines(t, "not enforced", lines(r, judged...), breach)
	f := mustFind(t, r, breach)
	if f.Severity != audit.Critical || !strings.Contains(f.Fix, "enable-policy: never") {
		t.Errorf("severity %s, fix %q", f.Severity, f.Fix)
	}
	if d := cmp.Diff(isolated, strings.Join(namesOf(f), ", ")); d != "" {
		t.Errorf("policies: %s", d)
	}
}
