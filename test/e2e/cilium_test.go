package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	scraped  = "fail flow-drop-gap Deployment payments/payments-api <- Deployment monitoring/prometheus TCP/8080"
	breach   = "fail enforce-deny-forwarded Deployment payments/payments-api -> Deployment monitoring/prometheus TCP/9090"
	audited  = "fail enforce-audit-mode Deployment payments/payments-api"
	isolated = "NetworkPolicy payments/allow-egress-to-identity, NetworkPolicy payments/default-deny-all"
)

// One agent and one daemon for all of it: compiling the datapath is dear.
func TestADaemonTellsWhatCiliumDropsUntilItIsAllowed(t *testing.T) {
	t.Parallel()
	p := startPayments(t, nil)
	d := p.watch(t, hurried)
	t.Run("a drop that a default deny causes is reported with the missing allow", func(t *testing.T) { p.reportsTheGap(t, d) })
	t.Run("once it is allowed it is gone", func(t *testing.T) { p.reportsThatItIsGone(t, d) })
	t.Run("policies that change while traffic runs contradict nothing", func(t *testing.T) { p.changes(t, d) })
	t.Run("the policy of one pod that is only audited is reported", func(t *testing.T) {
		p.AuditMode(t, p.service, true)
		p.traffic(t, call{p.metrics, p.service, "http", "8080", calls}, call{p.gateway, p.service, "http", "8080", calls})
		r := p.reports(t, d, "it only audits", has(audited))
		wantLines(t, "audited", lines(r, "enforce-"), audited)
		if f := mustFind(t, r, audited); f.Direction != audit.Ingress || f.Severity != audit.High {
			t.Errorf("%s, %s", f.Direction, f.Severity)
		}
	})
}

// A witness is a daemon and the record that it writes, in which a finding that
// is gone is told once.
type witness struct {
	*rig.Daemon
	record string
}

func (p *payments) watch(t *testing.T, config string) *witness {
	t.Helper()
	dir := t.TempDir()
	w := &witness{record: filepath.Join(dir, "record.json")}
	w.Daemon = rig.Watch(t, "--kubeconfig", p.api.Kubeconfig, "--hubble", p.Relay, "--config", save(t, "watch.yaml", []byte(config)),
		"--store", "sqlite:"+filepath.Join(dir, "segproof.db"), "--json", w.record)
	rig.Until(t, soon, "the daemon is ready", func() error { return w.Ready(t.Context()) })
	return w
}

// reports is what the daemon reports once that is good; none of its reports may
// tell of a contradiction.
func (p *payments) reports(t *testing.T, w *witness, what string, good func(*audit.Report) error) *audit.Report {
	t.Helper()
	return reports(t, p.api, w.Daemon, what, func(r *audit.Report) error {
		if got := lines(r, "enforce-deny-forwarded"); len(got) > 0 {
			t.Errorf("%s: what is enforced is contradicted: %q", what, got)
		}
		return good(r)
	})
}

// since holds for a report that was begun after a moment.
func since(moment time.Time) func(*audit.Report) error {
	return func(r *audit.Report) error {
		if r.Run.Began.Before(moment) {
			return fmt.Errorf("the last run began at %s", r.Run.Began)
		}
		return nil
	}
}

func has(want string) func(*audit.Report) error {
	return func(r *audit.Report) error {
		if find(r, want) == nil {
			return fmt.Errorf("not among %q", lines(r, judged...))
		}
		return nil
	}
}

func (p *payments) reportsTheGap(t *testing.T, w *witness) {
	began := time.Now()
	p.traffic(t,
		call{p.gateway, p.service, "http", "8080", calls}, call{p.service, p.identity, "http", "8080", calls},
		call{p.service, p.metrics, "tcp", "9090", 0}, call{p.metrics, p.service, "http", "8080", 0})
	once := p.audit(t, began)
	r := p.reports(t, w, "the gaps are reported", func(r *audit.Report) error { return errors.Join(has(gap)(r), has(scraped)(r)) })
	for what, r := range map[string]*audit.Report{"once": once, "watching": r} {
		wantLines(t, what, lines(r, judged...), gap, scraped)
		f := mustFind(t, r, gap)
		if d := cmp.Diff(isolated, strings.Join(namesOf(f), ", ")); d != "" {
			t.Errorf("%s: policies: %s", what, d)
		}
		const missing = "add an egress rule to pods app=prometheus of namespace monitoring on TCP 9090, in NetworkPolicy payments/allow-egress-to-identity"
		if !strings.Contains(f.Fix, missing) {
			t.Errorf("%s: the fix does not say %q: %s", what, missing, f.Fix)
		}
		if r.Coverage.Flows == 0 || r.Coverage.Lost > 0 || len(r.Coverage.Nodes) != 1 {
			t.Errorf("%s: coverage: %+v", what, r.Coverage)
		}
	}
}

func (p *payments) reportsThatItIsGone(t *testing.T, w *witness) {
	fingerprint := mustFind(t, p.reports(t, w, "the gap is there", has(gap)), gap).Fingerprint
	p.api.Apply(t, testdata(t, "allow-metrics.yaml"))
	p.AwaitPolicies(t)
	rig.Until(t, soon, "the record tells that the gap is gone", func() error {
		f, err := os.Open(w.record)
		if err != nil {
			return err
		}
		defer f.Close()
		r, err := audit.Decode(f)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(r.Gone, func(f audit.Finding) bool { return f.Fingerprint == fingerprint }) {
			return fmt.Errorf("it was written at %s and tells of %d that are gone", r.Run.Ended, len(r.Gone))
		}
		return nil
	})
	p.traffic(t, call{p.service, p.metrics, "tcp", "9090", calls}, call{p.gateway, p.service, "http", "8080", calls})
	r := p.reports(t, w, "what is allowed now is seen", since(time.Now()))
	wantLines(t, "allowed", lines(r, judged...), scraped)
}

// changes makes connections all the while, and every few seconds another policy
// stands.
func (p *payments) changes(t *testing.T, w *witness) {
	const kind = "networkpolicies.networking.k8s.io"
	without := strings.Replace(testdata(t, "allow-metrics.yaml"), "9090", "9091", 1)
	stages := []func(){
		func() { p.api.Delete(t, kind, "payments", "allow-gateway-ingress") },
		func() { p.api.Apply(t, without) },
		func() { p.api.Delete(t, kind, "payments", "default-deny-all") },
		func() { p.api.Apply(t, testdata(t, "scenario.yaml")) },
		func() { p.api.Delete(t, kind, "payments", "allow-egress-to-prometheus") },
		func() { p.api.Apply(t, testdata(t, "allow-metrics.yaml")) },
	}
	const stage, each, reported = 8 * time.Second, time.Second, 4 * time.Second
	count := (len(stages) + 1) * int((stage+reported)/each)
	var running sync.WaitGroup
	came := make([]int, 3)
	for i, c := range []call{{p.gateway, p.service, "http", "8080", 0}, {p.service, p.metrics, "tcp", "9090", 0}, {p.metrics, p.service, "http", "8080", 0}} {
		running.Go(func() { came[i] = p.Dial(t, c.from, c.kind, c.to.IP+":"+c.port, count, each) })
	}
	for _, next := range stages {
		rig.Pause(t, stage)
		next()
		p.reports(t, w, "a report amid the change", since(time.Now()))
	}
	running.Wait()
	for i, n := range came[:2] {
		if n == 0 || n == count {
			t.Errorf("call %d: %d of %d came about: the policies changed nothing", i, n, count)
		}
	}
	heldBack := 30 * time.Second
	r := p.reports(t, w, "all of it is judged", since(time.Now().Add(heldBack)))
	wantLines(t, "in the end", lines(r, judged...), scraped)
	t.Logf("held against nothing: %v", r.Coverage.Unjudged)
}

func TestADenyThatNothingEnforcesIsACriticalContradiction(t *testing.T) {
	t.Parallel()
	p := startPayments(t, map[string]string{"enable-policy": "never"})
	// Neither the schedule nor a change is why this daemon audits again.
	d := p.watch(t, strings.Replace(hurried, "@every 1m", "@every 24h", 1))
	rig.Until(t, soon, "there is a first report", func() error { _, err := d.Report(t.Context()); return err })
	rig.Pause(t, settled)
	began := time.Now()
	p.traffic(t, call{p.service, p.metrics, "tcp", "9090", calls}, call{p.service, p.identity, "http", "8080", calls})
	var watched *audit.Report
	rig.Until(t, 2*time.Minute, "the daemon tells of it by itself", func() (err error) {
		if watched, err = d.Report(t.Context()); err != nil {
			return err
		}
		return has(breach)(watched)
	})
	if watched.Run.Trigger != audit.Urgent {
		t.Errorf("it audited for %s", watched.Run.Trigger)
	}
	for what, r := range map[string]*audit.Report{"once": p.audit(t, began), "watching": watched} {
		wantLines(t, what, lines(r, judged...), breach)
		f := mustFind(t, r, breach)
		if f.Severity != audit.Critical || !strings.Contains(f.Fix, "enable-policy: never") {
			t.Errorf("%s: severity %s, fix %q", what, f.Severity, f.Fix)
		}
		if d := cmp.Diff(isolated, strings.Join(namesOf(f), ", ")); d != "" {
			t.Errorf("%s: policies: %s", what, d)
		}
	}
}
