package cluster

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/segproof/segproof/audit"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// A server speaks as much of the Kubernetes API as is needed to list objects
// and to watch them.
type server struct {
	mu      sync.Mutex
	objects map[string][]any  // by the path of their list
	byName  map[string]any    // by their own path
	kinds   map[string][]Kind // by group/version
	refused map[string]int    // status by path
	token   string            // demanded, unless empty
	deaf    bool              // refuses to let anything be watched

	version int           // of the newest object
	log     []happening   // that watches tell of
	oldest  int           // version from which on the log is there
	news    chan struct{} // closed at the next happening
}

// serve loads a server with the objects of a file. Every known kind is served
// in its newest version.
func serve(t *testing.T, file string) (*server, *rest.Config) {
	t.Helper()
	s := newServer()
	text, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	for d, err := range documents(text) {
		if err != nil {
			t.Fatal(err)
		}
		s.add(t, string(d.text))
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, &rest.Config{Host: h.URL}
}

// newServer has no objects.
func newServer() *server {
	s := &server{
		objects: map[string][]any{}, byName: map[string]any{}, kinds: map[string][]Kind{}, refused: map[string]int{},
		version: 1000, oldest: 1000, news: make(chan struct{}),
	}
	for _, k := range kinds {
		s.serve(k, k.Versions[0])
	}
	return s
}

func (s *server) serve(k Kind, version string) {
	gv := strings.TrimPrefix(k.Group+"/"+version, "/")
	s.kinds[gv] = append(s.kinds[gv], k)
	s.objects[listPath(gv, k.Resource)] = []any{}
}

func (s *server) add(t *testing.T, text string) {
	t.Helper()
	v, err := ours(text)
	if err != nil {
		t.Fatal(err)
	}
	u := v.(map[string]any)
	gv, kind, meta := u["apiVersion"].(string), u["kind"].(string), u["metadata"].(map[string]any)
	if kind == "ConfigMap" {
		s.byName[fmt.Sprintf("/api/v1/namespaces/%s/configmaps/%s", meta["namespace"], meta["name"])] = u
	}
	for _, k := range kinds {
		if at := listPath(gv, k.Resource); k.Kind == kind && s.objects[at] != nil {
			s.objects[at] = append(s.objects[at], u)
		}
	}
}

func listPath(gv, resource string) string {
	if strings.Contains(gv, "/") {
		return "/apis/" + gv + "/" + resource
	}
	return "/api/" + gv + "/" + resource
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != "" && r.Header.Get("Authorization") != "Bearer "+s.token {
		fail(w, http.StatusUnauthorized)
		return
	}
	if status := s.refused[r.URL.Path]; status != 0 {
		fail(w, status)
		return
	}
	if r.URL.Query().Get("watch") != "" && s.objects[r.URL.Path] == nil {
		fail(w, http.StatusNotFound)
		return
	}
	if r.URL.Query().Get("watch") != "" {
		if s.deaf {
			fail(w, http.StatusForbidden)
			return
		}
		if r.URL.Query().Get("sendInitialEvents") != "" {
			fail(w, http.StatusBadRequest) // as servers do that can't stream lists
			return
		}
		s.watch(w, r)
		return
	}
	if d := s.discovery(r.URL.Path); d != nil {
		reply(w, d)
	} else if u, ok := s.byName[r.URL.Path]; ok {
		reply(w, u)
	} else if items, ok := s.objects[r.URL.Path]; ok {
		gv, resource, _ := cutLast(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/apis/"), "/api/"), "/")
		i := slices.IndexFunc(s.kinds[gv], func(k Kind) bool { return k.Resource == resource })
		kind := s.kinds[gv][i].Kind + "List"
		reply(w, map[string]any{"apiVersion": gv, "kind": kind, "metadata": map[string]any{"resourceVersion": strconv.Itoa(s.version)}, "items": items})
	} else {
		fail(w, http.StatusNotFound)
	}
}

func (s *server) discovery(path string) any {
	switch path {
	case "/api":
		return metav1.APIVersions{Versions: []string{"v1"}}
	case "/apis":
		var l metav1.APIGroupList
		for gv := range s.kinds {
			if group, version, ok := strings.Cut(gv, "/"); ok {
				v := metav1.GroupVersionForDiscovery{GroupVersion: gv, Version: version}
				l.Groups = append(l.Groups, metav1.APIGroup{Name: group, Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v})
			}
		}
		return l
	}
	gv := strings.TrimPrefix(strings.TrimPrefix(path, "/apis/"), "/api/")
	if s.kinds[gv] == nil {
		return nil
	}
	l := metav1.APIResourceList{GroupVersion: gv}
	for _, k := range s.kinds[gv] {
		l.APIResources = append(l.APIResources, metav1.APIResource{Name: k.Resource, Kind: k.Kind, Namespaced: k.Namespaced, Verbs: []string{"list"}})
	}
	return l
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(metav1.Status{Status: "Failure", Code: int32(status), Reason: map[int]metav1.StatusReason{
		http.StatusForbidden: metav1.StatusReasonForbidden, http.StatusUnauthorized: metav1.StatusReasonUnauthorized,
	}[status]})
}

func TestBothSourcesTellTheSame(t *testing.T) {
	_, cfg := serve(t, "testdata/dump.yaml")
	live, err := (&Live{Config: cfg}).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := unreadable(live); len(got) > 0 || len(live.Problems) > 0 {
		t.Errorf("unreadable %v, problems %v", got, live.Problems)
	}
	files := readPaths(t, "testdata/dump.yaml")
	opts := cmp.Options{
		addresses, cmpopts.IgnoreTypes(audit.Source{}), cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(audit.Inventory{}, "At", "Unreadable", "Ignored"),
		// Typed objects have empty fields that a dump does not show.
		cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Raw" }, cmp.Comparer(sameSpec)),
	}
	if d := cmp.Diff(files, live, opts); d != "" {
		t.Error(d)
	}
}

func TestTheRightToListIsEnough(t *testing.T) {
	s, cfg := serve(t, "testdata/dump.yaml")
	s.deaf = true
	for range 5 { // a race, if there is one
		inv, err := (&Live{Config: cfg}).Inventory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := unreadable(inv); len(got) > 0 || len(inv.Policies) != 6 {
			t.Errorf("unreadable %v, policies %v", got, refs(inv.Policies))
		}
	}
}

func sameSpec(a, b map[string]any) bool {
	return cmp.Equal(a["spec"], b["spec"]) && cmp.Equal(a["data"], b["data"])
}

func TestARefusedKindAndAGroupThatIsDownAreUnreadable(t *testing.T) {
	s, cfg := serve(t, "testdata/dump.yaml")
	s.refused["/apis/networking.k8s.io/v1/networkpolicies"] = http.StatusForbidden
	s.refused["/apis/wgpolicyk8s.io/v1alpha2"] = http.StatusServiceUnavailable
	s.kinds["kyverno.io/v9"] = []Kind{{"kyverno.io", "Policy", "policies", []string{"v9"}, true, asKyverno}}
	s.kinds["kyverno.io/v1"] = s.kinds["kyverno.io/v1"][:1]
	inv, err := (&Live{Config: cfg}).Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(unreadable(inv), "\n")
	for _, want := range []string{
		"networkpolicies.networking.k8s.io: not allowed; check: kubectl auth can-i list networkpolicies.networking.k8s.io --all-namespaces",
		"policyreports.wgpolicyk8s.io: the API server can't tell whether it serves wgpolicyk8s.io",
		"clusterpolicyreports.wgpolicyk8s.io: the API server can't tell",
		"policies.kyverno.io: served only as [v9]",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
	if len(inv.Policies) != 2 || len(inv.Pods) != 2 || len(inv.Results) != 0 || len(inv.Kyverno) != 5 {
		t.Errorf("%d policies, %d pods, %d results, %d of Kyverno", len(inv.Policies), len(inv.Pods), len(inv.Results), len(inv.Kyverno))
	}
}

func TestAServerThatCanNotBeAskedIsAnErrorThatSaysWhatToCheck(t *testing.T) {
	s, cfg := serve(t, "testdata/dump.yaml")
	host := strings.TrimPrefix(cfg.Host, "http://")
	closed := httptest.NewServer(s)
	closed.Close()
	secure := httptest.NewUnstartedServer(s)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	s.token = "a-secret-token"
	for _, tt := range []struct{ name, host, says string }{
		{"nobody listens", closed.URL, "check the address in the kubeconfig"},
		{"another certificate", secure.URL, "certificate-authority-data"},
		{"no TLS there", "https://" + host, "is it http or https"},
		{"not logged in", "http://" + host, "the credentials are not accepted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := (&Live{Config: &rest.Config{Host: tt.host, BearerToken: "another-secret"}}).Inventory(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "read the API server 127.0.0.1:") {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("a secret got into the error: %v", err)
			}
		})
	}
}
