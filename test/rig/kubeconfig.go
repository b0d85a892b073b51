package rig

import (
	"path/filepath"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// A login is a certificate or a token.
type login struct {
	pair
	token string
}

// ClusterName is what kubeconfigs and Cilium call the cluster.
const ClusterName = "rig"

func (a *API) kubeconfig(t testing.TB, user string, c login) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters[ClusterName] = &clientcmdapi.Cluster{Server: a.URL(), CertificateAuthority: a.ca.CA}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificate: c.Cert, ClientKey: c.Key, Token: c.token}
	config.Contexts[ClusterName] = &clientcmdapi.Context{Cluster: ClusterName, AuthInfo: user}
	config.CurrentContext = ClusterName
	path := filepath.Join(a.dir, user+".kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// ServiceAccount is a kubeconfig with a token of a service account, which must
// exist: the API server's own, as a pod would get it.
func (a *API) ServiceAccount(t testing.TB, namespace, name string) string {
	t.Helper()
	day := int64(24 * 60 * 60)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &day}}
	r, err := a.typed.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), name, request, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("ask for a token of service account %s/%s: %v", namespace, name, err)
	}
	return a.kubeconfig(t, name, login{token: r.Status.Token})
}
