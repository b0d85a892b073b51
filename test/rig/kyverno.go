package rig

import (
	_ "embed" // Kyverno's objects
	"fmt"
	"os"
	"os/exec"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

//go:embed kyverno.yaml
var kyvernoObjects string

// KyvernoControllers are Kyverno outside its cluster. Each controller may be
// stopped and started; the webhooks of a stopped admission controller stay, and
// refuse every write that they are asked about.
type KyvernoControllers struct {
	Admission, Background, Reports *Process
}

// StartKyverno installs Kyverno's kinds and starts its controllers, each under
// its own service account: as the administrator, the background controller would
// not know its own writes, and generate for ever.
func StartKyverno(t testing.TB, api *API) *KyvernoControllers {
	t.Helper()
	ports := freePorts(t, 4)
	background, reports, admission := Binary(t, "background-controller"), Binary(t, "reports-controller"), Binary(t, "kyverno")
	api.Install(t, KyvernoDefinitions())
	api.Apply(t, kyvernoObjects)

	const accounts = "system:serviceaccount:kyverno:kyverno-"
	webhook := local(ports[3])
	k := &KyvernoControllers{}
	k.Admission = Start(t, Server{Name: "kyverno-admission-controller", Command: api.controller(t, "kyverno-admission-controller", admission,
		fmt.Sprintf("--metricsPort=%d", ports[0]), "--controllerRuntimeMetricsAddress=0", "--serverIP="+webhook,
		"--webhookServerHost=127.0.0.1", fmt.Sprintf("--webhookServerPort=%d", ports[3]),
		"--backgroundServiceAccountName="+accounts+"background-controller", "--reportsServiceAccountName="+accounts+"reports-controller",
		"--caSecretName=kyverno-svc.kyverno.svc.kyverno-tls-ca", "--tlsSecretName=kyverno-svc.kyverno.svc.kyverno-tls-pair")})
	k.Background = Start(t, Server{Name: "kyverno-background-controller", Command: api.controller(t, "kyverno-background-controller", background,
		fmt.Sprintf("--metricsPort=%d", ports[1]), "--controllerRuntimeMetricsAddress=0")})
	k.Reports = Start(t, Server{Name: "kyverno-reports-controller", Command: api.controller(t, "kyverno-reports-controller", reports,
		fmt.Sprintf("--metricsPort=%d", ports[2]))})
	api.awaitWebhooks(t)
	return k
}

// controller is the command of one controller, as the account of its name.
func (a *API) controller(t testing.TB, account, binary string, args ...string) func() *exec.Cmd {
	t.Helper()
	kubeconfig := a.ServiceAccount(t, "kyverno", account)
	args = append([]string{"--kubeconfig=" + kubeconfig, "--metricsHost=127.0.0.1", "--disableLogColor"}, args...)
	return func() *exec.Cmd {
		c := exec.Command(binary, args...)
		c.Dir = a.dir
		c.Env = append(os.Environ(), "KYVERNO_NAMESPACE=kyverno", "KYVERNO_DEPLOYMENT="+account, "KYVERNO_POD_NAME="+account,
			"KYVERNO_SERVICEACCOUNT_NAME="+account, "INIT_CONFIG=kyverno", "METRICS_CONFIG=kyverno-metrics")
		return c
	}
}

func (a *API) awaitWebhooks(t testing.TB) {
	t.Helper()
	const atLeast = 5
	Until(t, patience, "Kyverno's webhooks are registered", func() error {
		list, err := a.Objects(t, "validatingwebhookconfigurations.admissionregistration.k8s.io", "").List(t.Context(), metav1.ListOptions{})
		if err == nil && len(list.Items) < atLeast {
			err = fmt.Errorf("%d of %d webhooks", len(list.Items), atLeast)
		}
		return err
	})
}

// AwaitReady waits until Kyverno says of every ClusterPolicy that it is ready.
func (a *API) AwaitReady(t testing.TB) {
	t.Helper()
	Until(t, patience, "policies are ready", func() error {
		list, err := a.Objects(t, "clusterpolicies.kyverno.io", "").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, p := range list.Items {
			if !condition(p, "Ready") {
				status, _, _ := unstructured.NestedMap(p.Object, "status")
				return fmt.Errorf("%s is not ready: %v", p.GetName(), status["conditions"])
			}
		}
		return nil
	})
}
