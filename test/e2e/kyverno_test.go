package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/segproof/segproof/test/rig"
)

const managed = "apiVersion: v1\nkind: Namespace\nmetadata: {name: payments, labels: {platform.io/managed: \"true\", team: payments}}\n"

// startKyverno is an API server with Kyverno and the three policies. The pod was
// there before them: what they would refuse now is only reported.
func startKyverno(t *testing.T) (*rig.API, *rig.KyvernoControllers) {
	t.Helper()
	rig.Require(t, rig.Kube, rig.Kyverno)
	api := rig.StartAPI(t)
	api.Apply(t, testdata(t, "prometheusrules.yaml"))
	api.Apply(t, strings.ReplaceAll(managed, "payments", "identity"))
	api.Apply(t, strings.ReplaceAll(managed, `{platform.io/managed: "true", team: payments}`, "{team: payments}"))
	api.Apply(t, testdata(t, "violating.yaml"))
	kyverno := rig.StartKyverno(t, api)
	api.ApplyWithin(t, time.Minute, testdata(t, "article.yaml"))
	api.AwaitReady(t)
	api.ApplyWithin(t, time.Minute, managed)
	return api, kyverno
}

func networkPolicy(t *testing.T, api *rig.API, namespace string, there bool) {
	t.Helper()
	what := map[bool]string{true: "is there", false: "is gone"}[there]
	rig.Until(t, time.Minute, "default-deny-all of "+namespace+" "+what, func() error {
		if (api.Get(t, "networkpolicies.networking.k8s.io", namespace, "default-deny-all") != nil) != there {
			return errors.New("not yet")
		}
		return nil
	})
}

// One story in one test, since a clean Kyverno takes most of a minute.
func TestWhatKyvernoReportsAndWhatItShouldHaveGeneratedAreFindings(t *testing.T) {
	t.Parallel()
	api, kyverno := startKyverno(t)
	networkPolicy(t, api, "payments", true)

	// A pod from before the policy fails it; the finding is its Deployment's.
	const fails = "fail kyverno-report-fail Deployment payments/ledger"
	rig.Until(t, 3*time.Minute, "Kyverno reports the pod", func() error {
		if find(rig.Audit(t, "--kubeconfig", api.Kubeconfig), fails) == nil {
			return errors.New("not reported yet")
		}
		return nil
	})
	r := rig.Audit(t, "--kubeconfig", api.Kubeconfig)
	f := mustFind(t, r, fails)
	if f.Owner != "payments" || !strings.Contains(f.Message, "require-resource-limits") {
		t.Errorf("owner %q, message %q", f.Owner, f.Message)
	}
	if len(f.Evidence) == 0 || !strings.Contains(f.Evidence[0].What, "All containers must have CPU and memory limits") {
		t.Errorf("evidence: %+v", f.Evidence)
	}

	// Namespace identity is older than the policy, which says nothing of existing ones:
	// it never gets its default deny. That of payments was generated.
	const older, younger = "fail kyverno-generate-missing Namespace identity", "fail kyverno-generate-missing Namespace payments"
	rig.Until(t, 3*time.Minute, "the older namespace is old enough to be judged", func() error {
		r = rig.Audit(t, "--kubeconfig", api.Kubeconfig)
		if find(r, older) == nil {
			return errors.New(strings.Join(lines(r, "kyverno-"), "; "))
		}
		return nil
	})
	if find(r, younger) != nil {
		t.Errorf("a default deny that is there is said to be missing:\n%s", strings.Join(lines(r, "kyverno-"), "\n"))
	}

	// Deleted while Kyverno can't repair it, the default deny is missing.
	kyverno.Background.Stop()
	api.Delete(t, "networkpolicies.networking.k8s.io", "payments", "default-deny-all")
	networkPolicy(t, api, "payments", false)
	// Kyverno's admission controller asks for the repair, and gets its minute.
	rig.Until(t, 3*time.Minute, "the default deny is said to be missing", func() error {
		r = rig.Audit(t, "--kubeconfig", api.Kubeconfig)
		if find(r, younger) == nil {
			return errors.New(strings.Join(lines(r, "kyverno-"), "; "))
		}
		return nil
	})
	mustFind(t, r, "fail cover-no-default-deny-ingress Namespace payments")

	// Running again, Kyverno repairs it, and the finding is gone.
	kyverno.Background.Start(t)
	networkPolicy(t, api, "payments", true)
	r = rig.Audit(t, "--kubeconfig", api.Kubeconfig)
	for _, gone := range []string{younger, "fail cover-no-default-deny-ingress Namespace payments"} {
		if find(r, gone) != nil {
			t.Errorf("still there: %s", gone)
		}
	}
}
