package deploy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/segproof/segproof/test/rig"
)

// Reports that are told to be ours and that no audit makes any more.
const stale = `apiVersion: v1
kind: Namespace
metadata: {name: bare}
---
apiVersion: openreports.io/v1alpha1
kind: Report
metadata: {name: stale, namespace: bare, labels: {app.kubernetes.io/managed-by: segproof}}
---
apiVersion: openreports.io/v1alpha1
kind: ClusterReport
metadata: {name: stale, labels: {app.kubernetes.io/managed-by: segproof}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: bare}
spec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: a}]}}}
`

// leads starts the daemon under its own account, with the configuration that the
// chart makes, until it holds the Lease and its reports are in the cluster, and
// those that are stale are not.
func (s *server) leads(t *testing.T, api *rig.API, seen *requests) {
	api.Apply(t, text(t, filepath.Join(manifests, "store.yaml"))+"\n---\n"+stale)
	rig.Watch(t, "--kubeconfig", seen.through(t, api.ServiceAccount(t, namespace, "segproof-watch"), false),
		"--config", deployedConfig(t, "store.yaml"), "--store", "sqlite:"+filepath.Join(t.TempDir(), "segproof.db"))
	rig.Until(t, time.Minute, "the daemon leads", func() error {
		l, err := s.typed.CoordinationV1().Leases(namespace).Get(t.Context(), "segproof-watch", metav1.GetOptions{})
		if err == nil && (l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity == "") {
			err = errors.New("nobody holds the lease")
		}
		return err
	})
	for kind, in := range map[string]string{"reports": "bare", "clusterreports": ""} {
		rig.Until(t, 2*time.Minute, kind+" are those of the last audit", func() error {
			list, err := api.Objects(t, kind+".openreports.io", in).List(t.Context(), metav1.ListOptions{})
			if err == nil && (len(list.Items) == 0 || slices.ContainsFunc(list.Items, func(o unstructured.Unstructured) bool { return o.GetName() == "stale" })) {
				err = fmt.Errorf("%d of them, or one is stale", len(list.Items))
			}
			return err
		})
	}
}

// deployedConfig is the configuration of a manifest, with files that are here, and
// less patience.
func deployedConfig(t *testing.T, manifest string) string {
	t.Helper()
	config := ""
	for _, o := range decode(t, text(t, filepath.Join(manifests, manifest))) {
		if c, ok, _ := unstructured.NestedString(o.Object, "data", "config.yaml"); ok {
			config = c
		}
	}
	config = strings.ReplaceAll(config, "/etc/segproof/slack", t.TempDir())
	for line := range strings.Lines(config) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "tokenFile: "); ok {
			if err := os.WriteFile(path, []byte("xoxb-0-nobody\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	config = strings.Replace(config, "\nwatch:\n", "\nwatch:\n  quiet: 1s\n", 1)
	return save(t, "config.yaml", config)
}
