package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// ClientConfig finds the way to an API server: by the kubeconfig given; else,
// inside a pod and with no context asked for, by its service account; else by
// KUBECONFIG or the usual file. clusterName is what the kubeconfig calls the
// cluster; "" inside a pod.
func ClientConfig(kubeconfig, context string) (cfg *rest.Config, clusterName string, err error) {
	if kubeconfig == "" && context == "" {
		cfg, err := rest.InClusterConfig()
		if err == nil {
			return cfg, "", nil
		}
		if !errors.Is(err, rest.ErrNotInCluster) {
			return nil, "", fmt.Errorf("use the pod's service account: %w\ncheck automountServiceAccountToken", err)
		}
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	rules.WarnIfAllMissing = false
	raw, err := rules.Load()
	if err != nil {
		return nil, "", fmt.Errorf("read kubeconfig: %w\n%s", err, loadHint(kubeconfig, err))
	}
	if len(raw.Clusters) == 0 && len(raw.Contexts) == 0 {
		return nil, "", fmt.Errorf("find a cluster: no kubeconfig in %s, and not in a pod\nname one with --kubeconfig, or read files with --manifests",
			strings.Join(rules.GetLoadingPrecedence(), ", "))
	}
	name, err := chooseContext(raw, context)
	if err != nil {
		return nil, "", err
	}
	cfg, err = clientcmd.NewNonInteractiveClientConfig(*raw, name, &clientcmd.ConfigOverrides{}, rules).ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("read kubeconfig: context %q: %w\ncheck its cluster and user: kubectl config view --minify --context=%s", name, err, name)
	}
	return cfg, raw.Contexts[name].Cluster, nil
}

// chooseContext returns the context asked for, or the current one.
func chooseContext(raw *api.Config, context string) (string, error) {
	name := context
	if name == "" {
		name = raw.CurrentContext
	}
	if c, ok := raw.Contexts[name]; ok && c != nil {
		return name, nil
	}
	exist := strings.Join(slices.Sorted(maps.Keys(raw.Contexts)), ", ")
	if exist == "" {
		exist = "none"
	}
	if name == "" {
		return "", fmt.Errorf("read kubeconfig: no current context\nchoose one with --context; there are: %s", exist)
	}
	return "", fmt.Errorf("read kubeconfig: no such context: %q\nthere are: %s", name, exist)
}

func loadHint(kubeconfig string, err error) string {
	if kubeconfig == "" {
		kubeconfig = os.Getenv(clientcmd.RecommendedConfigPathEnvVar)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("there is no file %s; check --kubeconfig", kubeconfig)
	case errors.Is(err, fs.ErrPermission):
		return "not allowed to read it; check its permissions"
	}
	return "it is not a kubeconfig; check it with: kubectl config view --kubeconfig=" + kubeconfig
}
