package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/test/rig"
)

// listed are the resources that a user would dump for an audit.
var listed = []string{
	"namespaces", "nodes", "pods", "services", "deployments.apps", "statefulsets.apps", "daemonsets.apps",
	"networkpolicies.networking.k8s.io", "ciliumnetworkpolicies.cilium.io", "ciliumclusterwidenetworkpolicies.cilium.io",
	"clusterpolicies.kyverno.io", "validatingpolicies.policies.kyverno.io",
}

func startScenario(t *testing.T) *rig.API {
	t.Helper()
	rig.Require(t, rig.Kube)
	api := rig.StartAPI(t)
	api.Install(t, rig.CiliumDefinitions(), rig.KyvernoDefinitions(), rig.OpenReportsDefinitions())
	api.Apply(t, testdata(t, "scenario.yaml"))
	api.Apply(t, testdata(t, "workloads.yaml"))
	api.Apply(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config, namespace: kube-system}\ndata: {enable-policy: default}\n")
	return api
}

// An API server with all definitions is dear: one serves all of this.
func TestALiveClusterIsAuditedAsItsDumpAndWithTheDeployedRights(t *testing.T) {
	t.Parallel()
	api := startScenario(t)
	admin := rig.Audit(t, "--kubeconfig", api.Kubeconfig)
	t.Run("the audit of its dump is the same", func(t *testing.T) {
		wantLines(t, "live", lines(admin, "cover-", "kyverno-"),
			"fail cover-no-default-deny-ingress Namespace monitoring", "fail kyverno-audit-mode ValidatingPolicy limits-required")
		dumped := rig.Audit(t, "--manifests", save(t, "objects.yaml", api.Dump(t, listed...)), "--cluster", rig.ClusterName)
		if d := cmp.Diff(told(admin), told(dumped)); d != "" {
			t.Errorf("- live, + dumped\n%s", d)
		}
	})
	rights := deployed(t, "rbac.yaml")
	t.Run("the deployed rights leave no kind unreadable", func(t *testing.T) {
		api.Apply(t, rights)
		r := rig.Audit(t, "--kubeconfig", api.ServiceAccount(t, "segproof", "segproof"))
		if len(r.Coverage.Unreadable) > 0 {
			t.Errorf("unreadable:\n%s", strings.Join(r.Coverage.Unreadable, "\n"))
		}
		again := rig.Audit(t, "--kubeconfig", api.Kubeconfig) // the rights bring a namespace of their own
		if d := cmp.Diff(told(again), told(r)); d != "" {
			t.Errorf("- administrator, + service account\n%s", d)
		}
	})
	t.Run("a kind without rights is unreadable and nothing rests on it", func(t *testing.T) {
		api.Apply(t, strings.ReplaceAll(rights, "[networkpolicies]", "[ingresses]"))
		r := rig.Audit(t, "--kubeconfig", api.ServiceAccount(t, "segproof", "segproof"))
		if len(r.Coverage.Unreadable) != 1 || !strings.Contains(r.Coverage.Unreadable[0], "networkpolicies") {
			t.Errorf("unreadable: %q", r.Coverage.Unreadable)
		}
		wantLines(t, "what rests on it", lines(r, "cover-"))
	})
}

// deployed are the objects that an operator applies, with the rights.
func deployed(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "deploy", "manifests", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// rights are what is deployed to read the cluster and to be elected, without what
// would run and what needs more kinds.
func rights(t *testing.T, file string) string {
	t.Helper()
	var out []string
	for part := range strings.SplitSeq(deployed(t, file), "\n---\n") {
		for _, kind := range []string{"Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"} {
			if strings.Contains("\n"+part, "\nkind: "+kind+"\n") {
				out = append(out, part)
			}
		}
	}
	return strings.Join(out, "\n---\n")
}

// told is all that a report says of what it found, but where in files that stands.
func told(r *audit.Report) []string {
	var out []string
	for _, f := range r.Findings {
		var evidence []string
		for _, e := range f.Evidence {
			evidence = append(evidence, e.What)
		}
		out = append(out, fmt.Sprintf("%s %s %q: %s\n  by %q\n  seen %q\n  fix %s", line(f), f.Fingerprint, f.Owner, f.Message, namesOf(&f), evidence, f.Fix))
	}
	return out
}
