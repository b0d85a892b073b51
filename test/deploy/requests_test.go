package deploy

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// Requests notes what is asked of an API server, in the words of RBAC.
type requests struct {
	mu   sync.Mutex
	seen map[string]bool
}

// through is a kubeconfig whose server passes requests on to that of another, and
// notes those that were not refused. An old one answers as those before 1.32 do,
// which don't stream lists.
func (r *requests) through(t *testing.T, kubeconfig string, old bool) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	cluster := config.Clusters[config.Contexts[config.CurrentContext].Cluster]
	ca, err := os.ReadFile(cluster.CertificateAuthority)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	to, err := url.Parse(cluster.Server)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	proxy.FlushInterval = -1 // a watch is a stream
	proxy.ModifyResponse = func(a *http.Response) error {
		if a.StatusCode < http.StatusBadRequest || a.StatusCode == http.StatusNotFound {
			r.note(a.Request, a.StatusCode)
		}
		return nil
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if old && q.URL.Query().Has("sendInitialEvents") {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422}`)
			return
		}
		proxy.ServeHTTP(w, q)
	}))
	t.Cleanup(server.Close)
	cluster.Server, cluster.CertificateAuthority = server.URL, ""
	cluster.CertificateAuthorityData = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// note takes a server-side apply that creates for both. It reads /api/v1/… and /apis/GROUP/VERSION/…, then [namespaces/NAMESPACE/]RESOURCE[/NAME].
func (r *requests) note(q *http.Request, status int) {
	parts := strings.Split(strings.Trim(q.URL.Path, "/"), "/")
	group := ""
	switch {
	case parts[0] == "api" && len(parts) > 2:
		parts = parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		group, parts = parts[1], parts[3:]
	default:
		return // discovery
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		parts = parts[2:]
	}
	verb := map[string]string{http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete"}[q.Method]
	switch {
	case verb != "":
	case q.URL.Query().Get("watch") != "":
		verb = "watch"
	case len(parts) > 1:
		verb = "get"
	default:
		verb = "list"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]bool{}
	}
	r.seen[verb+" "+group+"/"+parts[0]] = true
	if verb == "patch" && status == http.StatusCreated {
		r.seen["create "+group+"/"+parts[0]] = true
	}
}

// use compares what was asked with what is granted.
func (r *requests) use(t *testing.T, granted []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range granted {
		if !r.seen[g] {
			t.Errorf("%s is granted, and nobody asks for it", g)
		}
	}
	for asked := range r.seen {
		if !slices.Contains(granted, asked) {
			t.Errorf("%s was asked, and is granted by something else", asked)
		}
	}
}

// granted are the rights of all roles of ours, as those who ask name them. A kind
// that the server doesn't know can't be asked for.
func (s *server) granted(t *testing.T) []string {
	t.Helper()
	ours := metav1.ListOptions{LabelSelector: "app.kubernetes.io/part-of=segproof"}
	clusterRoles, err := s.typed.RbacV1().ClusterRoles().List(t.Context(), ours)
	if err != nil {
		t.Fatal(err)
	}
	roles, err := s.typed.RbacV1().Roles(namespace).List(t.Context(), ours)
	if err != nil {
		t.Fatal(err)
	}
	var rules []rbacv1.PolicyRule
	for _, r := range clusterRoles.Items {
		rules = append(rules, r.Rules...)
	}
	for _, r := range roles.Items {
		rules = append(rules, r.Rules...)
	}
	served := s.served(t)
	var out []string
	for _, r := range rules {
		for _, resource := range r.Resources {
			if !served[r.APIGroups[0]+"/"+resource] {
				continue
			}
			for _, verb := range r.Verbs {
				out = append(out, verb+" "+r.APIGroups[0]+"/"+resource)
			}
		}
	}
	return out
}

// served are the kinds that the server knows, as group/resource.
func (s *server) served(t *testing.T) map[string]bool {
	t.Helper()
	_, lists, err := s.typed.Discovery().ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, l := range lists {
		group, _, found := strings.Cut(l.GroupVersion, "/")
		if !found {
			group = ""
		}
		for _, r := range l.APIResources {
			out[group+"/"+r.Name] = true
		}
	}
	return out
}
