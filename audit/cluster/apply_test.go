package cluster

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
)

// A board is an API server as far as reports are written to it.
type board struct {
	mu      sync.Mutex
	objects map[string]map[string]any // by path
	asked   []string
	refuse  string // whatever has this in its path
}

func newBoard(t *testing.T) (*board, *Reports) {
	t.Helper()
	b := &board{objects: map[string]map[string]any{}}
	h := httptest.NewServer(b)
	t.Cleanup(h.Close)
	return b, &Reports{Config: &rest.Config{Host: h.URL}}
}

func (b *board) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, r.Method+" "+r.URL.Path)
	switch {
	case b.refuse != "" && strings.Contains(r.URL.Path, b.refuse):
		fail(w, http.StatusForbidden)
	case r.Method == http.MethodPatch:
		var o map[string]any
		if r.Header.Get("Content-Type") != "application/apply-patch+yaml" || r.URL.Query().Get("fieldManager") != "segproof" ||
			r.URL.Query().Get("force") != "true" || json.NewDecoder(r.Body).Decode(&o) != nil {
			fail(w, http.StatusBadRequest)
			return
		}
		b.objects[r.URL.Path] = o
		reply(w, o)
	case r.Method == http.MethodGet && r.URL.Query().Get("labelSelector") == "app.kubernetes.io/managed-by=segproof":
		b.list(w, r)
	case r.Method == http.MethodDelete:
		delete(b.objects, r.URL.Path)
		reply(w, map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Success"})
	default:
		fail(w, http.StatusNotFound)
	}
}

// list hands out one object a page, whether it is ours or not: a selector is a
// wish.
func (b *board) list(w http.ResponseWriter, r *http.Request) {
	at := strings.Split(r.URL.Path, "/")
	resource := at[len(at)-1]
	var paths []string
	for p := range b.objects {
		if strings.Contains(p, "/"+resource+"/") && p > r.URL.Query().Get("continue") {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	l := map[string]any{"apiVersion": "openreports.io/v1alpha1", "kind": "ReportList", "metadata": map[string]any{}, "items": []any{}}
	if len(paths) > 0 {
		l["items"] = []any{b.objects[paths[0]]}
	}
	if len(paths) > 1 {
		l["metadata"] = map[string]any{"continue": paths[0]}
	}
	reply(w, l)
}

func ourReport(kind, namespace, name, by string) map[string]any {
	meta := map[string]any{"name": name, "labels": map[string]any{"app.kubernetes.io/managed-by": by}, "uid": namespace + name}
	if namespace != "" {
		meta["namespace"] = namespace
	}
	return map[string]any{"apiVersion": "openreports.io/v1alpha1", "kind": kind, "metadata": meta}
}

const (
	apiReports = "/apis/openreports.io/v1alpha1/namespaces/"
	apiCluster = "/apis/openreports.io/v1alpha1/clusterreports/"
)

func (b *board) paths() []string {
	var out []string
	for p := range b.objects {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

func TestReportsOfOursThatAreNotInTheListAreDeletedAndNoOthers(t *testing.T) {
	b, a := newBoard(t)
	b.objects[apiReports+"old/reports/segproof"] = ourReport("Report", "old", "segproof", "segproof")
	b.objects[apiReports+"web/reports/segproof-2"] = ourReport("Report", "web", "segproof-2", "segproof")
	b.objects[apiReports+"web/reports/4711"] = ourReport("Report", "web", "4711", "kyverno")
	b.objects[apiCluster+"segproof-2"] = ourReport("ClusterReport", "", "segproof-2", "segproof")
	err := a.Apply(t.Context(), []map[string]any{ourReport("ClusterReport", "", "segproof", "segproof"), ourReport("Report", "web", "segproof", "segproof")})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{apiCluster + "segproof", apiReports + "web/reports/4711", apiReports + "web/reports/segproof"}
	if d := cmp.Diff(want, b.paths()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestOneThatIsRefusedKeepsNoneBackAndNothingIsDeletedThen(t *testing.T) {
	b, a := newBoard(t)
	b.objects[apiReports+"old/reports/segproof"] = ourReport("Report", "old", "segproof", "segproof")
	b.refuse = "/namespaces/a/"
	err := a.Apply(t.Context(), []map[string]any{ourReport("Report", "a", "segproof", "segproof"), ourReport("Report", "web", "segproof", "segproof")})
	if err == nil || !strings.Contains(err.Error(), "apply Report a/segproof: ") || !strings.Contains(err.Error(), "\ngrant list, create, patch and delete") {
		t.Errorf("got %v", err)
	}
	if d := cmp.Diff([]string{apiReports + "old/reports/segproof", apiReports + "web/reports/segproof"}, b.paths()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestNothingButAReportOfOursIsWritten(t *testing.T) {
	b, a := newBoard(t)
	other := ourReport("Report", "web", "segproof", "segproof")
	other["apiVersion"] = "v1"
	for _, o := range []map[string]any{
		ourReport("Secret", "web", "segproof", "segproof"),
		ourReport("Report", "", "segproof", "segproof"),
		ourReport("ClusterReport", "web", "segproof", "segproof"),
		ourReport("Report", "web", "4711", "kyverno"),
		ourReport("Report", "../../secrets", "segproof", "segproof"),
		ourReport("Report", "web", "../x", "segproof"),
		other, {},
	} {
		if err := a.Apply(t.Context(), []map[string]any{o}); err == nil {
			t.Errorf("%v was written", o)
		}
	}
	if len(b.asked) > 0 {
		t.Errorf("the API server was asked: %v", b.asked)
	}
}

func TestOnlyTheFirstRefusalsAreToldAndTheOthersCounted(t *testing.T) {
	b, a := newBoard(t)
	b.refuse = "/"
	var objects []map[string]any
	for _, ns := range []string{"a", "b", "c", "d", "e"} {
		objects = append(objects, ourReport("Report", ns, "segproof", "segproof"))
	}
	err := a.Apply(t.Context(), objects)
	if err == nil || strings.Count(err.Error(), "apply Report") != maxRefusals || !strings.Contains(err.Error(), "and 2 more were refused") {
		t.Errorf("got %v", err)
	}
}
