package cluster

import (
	"strings"
	"testing"
)

const aKubeconfig = `
apiVersion: v1
kind: Config
clusters: [{name: east, cluster: {server: "https://east.example.com"}}, {name: west, cluster: {server: "https://west.example.com"}}]
users: [{name: me, user: {token: a-secret-token}}]
contexts: [{name: e, context: {cluster: east, user: me}}, {name: w, context: {cluster: west, user: me}}, {name: lost, context: {cluster: gone, user: me}}]
current-context: e
`

func outsideAPod(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBECONFIG", "")
	t.Setenv("HOME", t.TempDir())
}

func TestTheKubeconfigTellsTheServerAndTheNameOfTheCluster(t *testing.T) {
	inFolder(t, map[string]string{"kc": aKubeconfig})
	outsideAPod(t)
	for context, want := range map[string]string{"": "east", "e": "east", "w": "west"} {
		cfg, name, err := ClientConfig("kc", context)
		if err != nil || name != want || cfg.Host != "https://"+want+".example.com" || cfg.BearerToken != "a-secret-token" {
			t.Errorf("context %q: %q, %v, %v", context, name, cfg, err)
		}
	}
	t.Setenv("KUBECONFIG", "kc")
	if _, name, err := ClientConfig("", "w"); err != nil || name != "west" {
		t.Errorf("from KUBECONFIG: %q, %v", name, err)
	}
}

func TestAKubeconfigThatDoesNotServeSaysWhatToDo(t *testing.T) {
	inFolder(t, map[string]string{
		"kc": aKubeconfig, "none": strings.Replace(aKubeconfig, "current-context: e", "", 1), "broken": "clusters: [\n",
	})
	outsideAPod(t)
	for _, tt := range []struct{ kubeconfig, context, says string }{
		{"missing", "", "there is no file missing; check --kubeconfig"},
		{"broken", "", "kubectl config view --kubeconfig=broken"},
		{"kc", "north", "no such context: \"north\"\nthere are: e, lost, w"},
		{"kc", "lost", "kubectl config view --minify --context=lost"},
		{"none", "", "choose one with --context; there are: e, lost, w"},
		{"", "", "name one with --kubeconfig, or read files with --manifests"},
		{"", "e", "name one with --kubeconfig"},
	} {
		_, _, err := ClientConfig(tt.kubeconfig, tt.context)
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q %q: got %v, want %q", tt.kubeconfig, tt.context, err, tt.says)
		}
	}
}
