package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/test/rig"
)

// What our pods must reach, and what nobody may, asked of Segproof itself.
const (
	dns    = `{"namespace":"kube-system","labels":{"k8s-app":"kube-dns"}}`
	relay  = `{"namespace":"kube-system","labels":{"k8s-app":"hubble-relay"}}`
	prom   = `{"namespace":"monitoring","labels":{"app.kubernetes.io/name":"prometheus"}}`
	other  = `{"namespace":"payments","labels":{"app":"payments-api"}}`
	api    = `{"entity":"kube-apiserver"}`
	apiIP  = `{"ip":"192.0.2.10"}`
	proxy  = `{"ip":"192.0.2.20"}`
	away   = `{"ip":"198.51.100.7"}`
	udp53  = `"protocol":"UDP","port":53`
	tcp53  = `"protocol":"TCP","port":53`
	grpc   = `"protocol":"TCP","port":4245`
	web    = `"protocol":"TCP","port":80` // 443 may be Slack, whatever the address
	https  = `"protocol":"TCP","port":443`
	kube   = `"protocol":"TCP","port":6443`
	served = `"protocol":"TCP","port":8080`
	store  = `{"namespace":"store","labels":{"app.kubernetes.io/name":"postgres"}}`
	sql    = `"protocol":"TCP","port":5432`
)

func ours(component string) string {
	return fmt.Sprintf(`{"namespace":%q,"labels":{"app.kubernetes.io/name":"segproof","app.kubernetes.io/instance":"segproof","app.kubernetes.io/component":%q}}`, namespace, component)
}

// A question with the answer that it must have.
type question struct{ from, to, port, want string }

func TestOurOwnNetworkPolicyLetsUsWorkAndNothingElse(t *testing.T) {
	out := func(component string) []question {
		us := ours(component)
		return []question{
			{us, dns, udp53, "allow"}, {us, dns, tcp53, "allow"}, {us, relay, grpc, "allow"},
			{us, away, web, "deny"}, {us, other, served, "deny"}, {us, relay, https, "deny"}, {other, us, served, "deny"},
		}
	}
	for values, questions := range map[string][]question{
		"cronjob": append(out("audit"), question{ours("audit"), api, kube, "allow"}, question{ours("audit"), api, https, "allow"}, question{prom, ours("audit"), served, "deny"}),
		"watch":   append(out("watch"), question{ours("watch"), api, kube, "allow"}, question{prom, ours("watch"), served, "allow"}),
		"collect": {
			{ours("collect"), dns, udp53, "allow"}, {ours("collect"), dns, tcp53, "allow"}, {ours("collect"), store, sql, "allow"},
			{ours("collect"), api, kube, "deny"}, {ours("collect"), relay, grpc, "deny"}, {ours("collect"), other, sql, "deny"},
			{ours("collect"), away, https, "deny"}, {prom, ours("collect"), served, "allow"}, {other, ours("collect"), served, "deny"},
		},
		"store": {
			{ours("watch"), store, sql, "allow"}, {ours("audit"), store, sql, "allow"}, {ours("watch"), relay, grpc, "deny"},
			{ours("audit"), relay, grpc, "deny"}, {ours("watch"), api, kube, "allow"}, {ours("watch"), other, sql, "deny"},
		},
		"kubernetes": append(out("watch"), question{ours("watch"), apiIP, kube, "allow"}, question{ours("watch"), proxy, https, "allow"}, question{prom, ours("watch"), served, "allow"}),
	} {
		t.Run(values, func(t *testing.T) {
			file := save(t, "objects.yaml", render(t, filepath.Join(chart, "ci", values+"-values.yaml")))
			asked(t, questions, "--manifests", file)
		})
	}
}

// asked compares answers of segproof explain: the end that is ours decides, and
// whatever the other end has is not in the files.
func asked(t *testing.T, questions []question, args ...string) {
	t.Helper()
	var lines, want, got []string
	for _, q := range questions {
		lines = append(lines, fmt.Sprintf(`{"from":%s,"to":%s,%s}`, q.from, q.to, q.port))
		want = append(want, lines[len(lines)-1]+" "+q.want)
	}
	args = append([]string{"explain", "-o", "jsonl", "--queries", save(t, "queries.jsonl", strings.Join(lines, "\n"))}, args...)
	c := exec.CommandContext(t.Context(), os.Getenv("SEGPROOF_BINARY"), args...)
	var errs bytes.Buffer
	c.Stderr = &errs
	answers, err := c.Output()
	if err != nil {
		t.Fatalf("explain: %v\n%s\n%s", err, errs.String(), answers)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(answers)), "\n") {
		var a struct{ Verdict string }
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		got = append(got, lines[i]+" "+a.Verdict)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestAnAuditOfOurOwnChartFindsNothing(t *testing.T) {
	for _, values := range examples(t) {
		r := rig.Audit(t, "--manifests", save(t, "objects.yaml", render(t, values)))
		for _, f := range r.Findings {
			t.Errorf("%s: %s %s %s: %s", filepath.Base(values), f.Rule, f.Subject.Kind, f.Subject.Name, f.Message)
		}
		if n := len(r.Coverage.Unreadable) + r.Coverage.BadRecords + len(r.Coverage.PartlyUnderstood); n > 0 {
			t.Errorf("%s: %d things were not read or not understood: %+v", filepath.Base(values), n, r.Coverage)
		}
	}
}

// The defaults that Kyverno makes in the lab stand in a file here.
const generated = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: default-deny-all, namespace: %s}\n" +
	"spec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n---\n"

func TestTheLabHasItsBaselineAndItsOneGap(t *testing.T) {
	var baseline strings.Builder
	for _, ns := range []string{"payments", "identity", "infra", "monitoring", "segproof"} {
		fmt.Fprintf(&baseline, generated, ns)
	}
	declared := []string{
		"--manifests", filepath.Join(lab, "policies"), filepath.Join(lab, "workloads.yaml"),
		save(t, "baseline.yaml", baseline.String()), save(t, "segproof.yaml", render(t, filepath.Join(lab, "segproof-values.yaml"))),
	}
	for _, f := range rig.Audit(t, declared...).Findings {
		t.Errorf("%s %s %s: %s", f.Rule, f.Subject.Kind, f.Subject.Name, f.Message)
	}
	app := func(ns, name string) string { return fmt.Sprintf(`{"namespace":%q,"labels":{"app":%q}}`, ns, name) }
	frontend, envoy := app("payments", "payments-frontend"), `{"namespace":"infra","labels":{"app.kubernetes.io/name":"envoy"}}`
	asked(t, []question{
		{other, app("identity", "identity-api"), served, "allow"},
		{envoy, other, served, "allow"},
		{frontend, other, served + `,"http":{"method":"GET","path":"/api/v1/status"}`, "allow"},
		{frontend, other, served + `,"http":{"method":"DELETE","path":"/api/v1/users"}`, "deny"},
		{other, app("monitoring", "prometheus"), `"protocol":"TCP","port":9090`, "deny"},
		{app("identity", "identity-api"), dns, udp53, "allow"},
		{app("identity", "identity-api"), dns, tcp53, "allow"},
		{ours("audit"), relay, grpc, "allow"},
		{ours("watch"), api, kube, "allow"},
	}, declared...)
}
