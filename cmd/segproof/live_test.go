package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	observerpb "github.com/cilium/cilium/api/v1/observer"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"sigs.k8s.io/yaml"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/cluster"
)

// The two live neighbours, each serving a recording: an API server that
// answers lists and holds watches open, and Hubble's observer service. The real
// ones judge in the module test; here they make the command's whole path run.

// An apiServer serves the objects of a recording. Kinds named in refused are
// forbidden; kinds without objects and not among Kubernetes' own are not served.
type apiServer struct {
	objects map[string][]json.RawMessage // by path: /apis/apps/v1/deployments
	kinds   map[string]string            // path → kind
	refused string

	mu      sync.Mutex
	applied map[string]string // reports written, by path
}

func serveObjects(t *testing.T, name, refused string) (kubeconfig string) {
	t.Helper()
	kubeconfig, _ = serveAPI(t, name, refused)
	return kubeconfig
}

func serveAPI(t *testing.T, name, refused string) (kubeconfig string, s *apiServer) {
	t.Helper()
	s = &apiServer{objects: map[string][]json.RawMessage{}, kinds: map[string]string{}, refused: refused, applied: map[string]string{}}
	for _, k := range cluster.Kinds() {
		if len(k.Versions) > 0 {
			s.kinds[apiPath(k.Group, k.Versions[0], k.Resource)] = k.Kind
		}
	}
	data := recorded(t, name, "objects.yaml")
	for doc := range strings.SplitSeq(string(data), "\n---\n") {
		s.add(t, doc)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	config := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"lab","contexts":[{"name":"lab","context":{"cluster":"lab","user":"me"}}],
"clusters":[{"name":"lab","cluster":{"server":%q}}],"users":[{"name":"me","user":{}}]}`, server.URL)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, s
}

// apply takes a report as a server-side apply does.
func (s *apiServer) apply(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		status(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied[r.URL.Path] = string(b)
	w.Write(b)
}

// written are the paths of the reports that were applied.
func (s *apiServer) written() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.applied))
}

func apiPath(group, version, resource string) string {
	if group == "" {
		return "/api/" + version + "/" + resource
	}
	return "/apis/" + group + "/" + version + "/" + resource
}

func (s *apiServer) add(t *testing.T, doc string) {
	t.Helper()
	var o struct{ APIVersion, Kind string }
	raw, err := yaml.YAMLToJSON([]byte(strings.TrimPrefix(doc, "---\n")))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	group, version, ok := strings.Cut(o.APIVersion, "/")
	if !ok {
		group, version = "", o.APIVersion
	}
	for path, kind := range s.kinds {
		if kind == o.Kind && strings.HasPrefix(path, apiPath(group, version, "")) {
			s.objects[path] = append(s.objects[path], raw)
		}
	}
	if o.Kind == "ConfigMap" && strings.Contains(string(raw), `"name":"cilium-config"`) {
		s.objects["/api/v1/namespaces/kube-system/configmaps/cilium-config"] = []json.RawMessage{raw}
	}
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	path := r.URL.Path
	switch {
	case s.refused != "" && strings.HasSuffix(path, "/"+s.refused):
		status(w, http.StatusForbidden, "Forbidden", s.refused+` is forbidden: User "me" cannot list resource`)
	case r.Method == http.MethodPatch && strings.HasPrefix(path, "/apis/openreports.io/"):
		s.apply(w, r)
	case r.URL.Query().Get("labelSelector") != "" && strings.HasPrefix(path, "/apis/openreports.io/"):
		reply(w, map[string]any{"kind": s.kinds[path] + "List", "apiVersion": strings.TrimPrefix(path[:strings.LastIndexByte(path, '/')], "/apis/"), "metadata": map[string]any{}, "items": []any{}})
	case strings.Contains(path, "/configmaps/"):
		if o := s.objects[path]; len(o) == 1 {
			w.Write(o[0])
			return
		}
		status(w, http.StatusNotFound, "NotFound", "no such object")
	case r.URL.Query().Get("sendInitialEvents") != "":
		status(w, http.StatusUnprocessableEntity, "Invalid", "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled")
	case r.URL.Query().Get("watch") != "":
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	case s.kinds[path] != "" && s.served(path):
		items := s.objects[path]
		if items == nil {
			items = []json.RawMessage{}
		}
		group := strings.TrimPrefix(strings.TrimPrefix(path[:strings.LastIndexByte(path, '/')], "/apis/"), "/api/")
		reply(w, map[string]any{"kind": s.kinds[path] + "List", "apiVersion": group, "metadata": map[string]any{"resourceVersion": "1"}, "items": items})
	default:
		s.discover(w, path)
	}
}

// served tells whether a kind exists here: Kubernetes' own do, others if there
// are objects of them.
func (s *apiServer) served(path string) bool {
	group := strings.Split(path, "/")[2]
	return strings.HasPrefix(path, "/api/") || !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io") || len(s.objects[path]) > 0
}

func (s *apiServer) discover(w http.ResponseWriter, path string) {
	resources := map[string][]any{}
	for p, kind := range s.kinds {
		if s.served(p) {
			i := strings.LastIndexByte(p, '/')
			resources[p[:i]] = append(resources[p[:i]], map[string]any{"name": p[i+1:], "kind": kind, "namespaced": true, "verbs": []string{"get", "list", "watch"}})
		}
	}
	switch path {
	case "/version":
		reply(w, map[string]any{"gitVersion": "v1.37.2", "major": "1", "minor": "37"})
	case "/api":
		reply(w, map[string]any{"kind": "APIVersions", "versions": []string{"v1"}})
	case "/apis":
		reply(w, map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": groups(resources)})
	default:
		if rs := resources[path]; rs != nil {
			gv := strings.TrimPrefix(strings.TrimPrefix(path, "/apis/"), "/api/")
			reply(w, map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": gv, "resources": rs})
			return
		}
		status(w, http.StatusNotFound, "NotFound", "the server could not find the requested resource")
	}
}

func groups(resources map[string][]any) []any {
	versions := map[string][]any{}
	for path := range resources {
		if gv, ok := strings.CutPrefix(path, "/apis/"); ok {
			g, v, _ := strings.Cut(gv, "/")
			versions[g] = append(versions[g], map[string]any{"groupVersion": gv, "version": v})
		}
	}
	var out []any
	for g, vs := range versions {
		out = append(out, map[string]any{"name": g, "versions": vs, "preferredVersion": vs[0]})
	}
	return out
}

func reply(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

func status(w http.ResponseWriter, code int, reason, message string) {
	w.WriteHeader(code)
	reply(w, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code})
}

// observer serves the flows of a recording as Relay does.
type observer struct {
	observerpb.UnimplementedObserverServer
	records []*observerpb.GetFlowsResponse
}

func (o *observer) GetFlows(r *observerpb.GetFlowsRequest, stream observerpb.Observer_GetFlowsServer) error {
	for _, f := range o.records {
		if err := stream.Send(f); err != nil {
			return err
		}
	}
	if r.GetFollow() {
		<-stream.Context().Done()
	}
	return nil
}

func (o *observer) ServerStatus(context.Context, *observerpb.ServerStatusRequest) (*observerpb.ServerStatusResponse, error) {
	return &observerpb.ServerStatusResponse{NumFlows: uint64(len(o.records)), Version: "1.20.2"}, nil
}

// serveFlows serves the flows of a recording, or none.
func serveFlows(t *testing.T, name string) (address string) {
	t.Helper()
	o := &observer{}
	if name == "" {
		return serveObserver(t, o)
	}
	lines := bufio.NewScanner(bytes.NewReader(recorded(t, name, "flows.jsonl")))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r observerpb.GetFlowsResponse
		if err := protojson.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		o.records = append(o.records, &r)
	}
	return serveObserver(t, o)
}

func serveObserver(t *testing.T, o *observer) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	observerpb.RegisterObserverServer(s, o)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

func recorded(t *testing.T, name, file string) []byte {
	t.Helper()
	data, err := recording(name, file)
	if err != nil {
		return gunzip(t, filepath.Join("testdata", "recordings", name, file+".gz"))
	}
	return data
}

func TestALiveAuditFindsWhatTheFilesOfItHold(t *testing.T) {
	for _, name := range []string{"enforced", "platform", "cilium-rules"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := auditFiles(t, lay(t, name, false))
			live := auditWith(t, "--kubeconfig", serveObjects(t, name, ""), "--hubble", serveFlows(t, name), "--cluster", "lab", "--json", "-")
			if a, b := keys(files), keys(live); !slices.Equal(a, b) {
				t.Errorf("files find\n%s\nlive finds\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
			}
			dir := lay(t, name, false)
			for mix, in := range map[string][]string{
				"declared files": {"--manifests", filepath.Join(dir, "objects.yaml"), "--hubble", serveFlows(t, name)},
				"carried files":  {"--kubeconfig", serveObjects(t, name, ""), "--flows", filepath.Join(dir, "flows.jsonl")},
			} {
				mixed := auditWith(t, append(in, "--cluster", "lab", "--json", "-")...)
				if a, b := keys(files), keys(mixed); !slices.Equal(a, b) {
					t.Errorf("files find\n%s\n%s find\n%s", strings.Join(a, "\n"), mix, strings.Join(b, "\n"))
				}
			}
		})
	}
}

func TestAKindThatIsRefusedIsUnreadableAndTheRestIsAudited(t *testing.T) {
	r := auditWith(t, "--kubeconfig", serveObjects(t, "enforced", "networkpolicies"), "--hubble", serveFlows(t, "enforced"), "--json", "-")
	if len(r.Coverage.Unreadable) != 1 || !strings.Contains(r.Coverage.Unreadable[0], "networkpolicies") {
		t.Errorf("unreadable: %q", r.Coverage.Unreadable)
	}
	for _, f := range r.Findings {
		if strings.HasPrefix(f.Rule, "cover-") || strings.HasPrefix(f.Rule, "enforce-") || strings.HasPrefix(f.Rule, "flow-") {
			t.Errorf("%s rests on policies that were not read: %s", f.Rule, f.Message)
		}
	}
	if r.Coverage.Flows == 0 || r.Coverage.Withheld["cover-no-default-deny-ingress"] == 0 {
		t.Errorf("flows %d, withheld %v", r.Coverage.Flows, r.Coverage.Withheld)
	}
}

func keys(r *audit.Report) []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, string(f.Kind)+" "+asWanted(f).key()+" "+f.Fingerprint)
	}
	slices.Sort(out)
	return out
}

// auditWith runs the command and reads the record from its standard output.
func auditWith(t *testing.T, args ...string) *audit.Report {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(context.Background(), append([]string{"audit"}, args...), streams{strings.NewReader(""), &out, &errs})
	if code != 0 && code != exitFound {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	r, err := audit.Decode(&out)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
