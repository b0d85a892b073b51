package e2e

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/test/rig"
)

// The recordings that ship with the command, and what must come out of them.
const command = "../../cmd/segproof"

func recording(t *testing.T, name, file string) string {
	t.Helper()
	for _, dir := range []string{filepath.Join(command, "recordings"), filepath.Join(command, "testdata", "recordings")} {
		path, err := filepath.Abs(filepath.Join(dir, name, file))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Fatalf("no recording %s/%s", name, file)
	return ""
}

// objectsOf unpacks the objects of a recording.
func objectsOf(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(recording(t, name, "objects.yaml.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return save(t, "objects.yaml", data)
}

func TestARecordingServedByRealHubbleGivesWhatItsFactsSay(t *testing.T) {
	rig.Require(t, rig.Hubble)
	for _, o := range []struct {
		name string
		tls  bool
	}{{"enforced", false}, {"not-enforced", true}, {"audit-mode", true}, {"cilium-rules", false}} {
		t.Run(fmt.Sprintf("%s, TLS %v", o.name, o.tls), func(t *testing.T) {
			t.Parallel()
			h := rig.StartHubble(t, rig.HubbleOptions{TLS: o.tls, Name: "lab", Nodes: []rig.Feed{{
				Node: "lab-node", Flows: recording(t, o.name, "flows.jsonl.gz"), Count: -1, Ring: 65535,
			}}})
			objects := objectsOf(t, o.name)
			fromFile := rig.Audit(t, "--manifests", objects, "--flows", recording(t, o.name, "flows.jsonl.gz"))
			h.Fed(t, 100)
			r := rig.Audit(t, append(h.Flags(), "--manifests", objects)...)

			holdAgainst(t, r, expectation(t, o.name))
			if d := cmp.Diff(lines(fromFile, ""), lines(r, "")); d != "" {
				t.Errorf("- from the file, + from Hubble\n%s", d)
			}
			if len(r.Coverage.Nodes) != 1 || r.Coverage.Lost != 0 {
				t.Errorf("nodes %v, lost %d", r.Coverage.Nodes, r.Coverage.Lost)
			}
		})
	}
}

// expected is what must come out of a recording for the rules that it names.
type expected struct {
	Rules              []string
	Findings, Optional []struct {
		Rule, Subject, Direction, Peer, Protocol string
		Port                                     *int
	}
}

func expectation(t *testing.T, name string) expected {
	t.Helper()
	data, err := os.ReadFile(recording(t, name, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var e expected
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// holdAgainst counts findings by rule and subject: the command's own tests hold
// every field.
func holdAgainst(t *testing.T, r *audit.Report, e expected) {
	t.Helper()
	got := map[string]bool{}
	for _, f := range r.Findings {
		if f.Kind == audit.Fails && slices.Contains(e.Rules, f.Rule) {
			got[f.Rule+" "+strings.TrimPrefix(f.Subject.String(), f.Subject.Kind+" ")] = true
		}
	}
	may := map[string]bool{}
	bare := func(s string) string { return strings.TrimPrefix(s, "Namespace/") }
	for _, w := range e.Optional {
		may[w.Rule+" "+bare(w.Subject)] = true
	}
	for _, w := range e.Findings {
		key := w.Rule + " " + bare(w.Subject)
		may[key] = true
		if !got[key] {
			t.Errorf("missing: %s", key)
		}
	}
	for key := range got {
		if !may[key] {
			t.Errorf("too much: %s", key)
		}
	}
}

func TestARelayThatWantsACertificateIsToldByNameWhatIsMissing(t *testing.T) {
	t.Parallel()
	rig.Require(t, rig.Hubble)
	h := rig.StartHubble(t, rig.HubbleOptions{TLS: true, Nodes: []rig.Feed{{Rate: 100}}})
	objects := objectsOf(t, "enforced")
	for what, flags := range map[string][]string{
		"no TLS":         {"--hubble", h.Address},
		"no certificate": {"--hubble", h.Address, "--hubble-tls-ca", h.Files.CA, "--hubble-tls-server-name", h.Files.ServerName},
	} {
		_, code, errs := rig.TryAudit(t, append(flags, "--manifests", objects)...)
		if code == 0 || !strings.Contains(errs, "--hubble-tls") {
			t.Errorf("%s: exit %d, %s", what, code, errs)
		}
	}
}

func TestANodeThatIsDownIsSilentAndNotGreen(t *testing.T) {
	t.Parallel()
	rig.Require(t, rig.Hubble)
	feed := rig.Feed{Rate: 50}
	h := rig.StartHubble(t, rig.HubbleOptions{Nodes: []rig.Feed{feed, feed}})
	h.Fed(t, 200)
	h.Nodes[1].Kill()
	r := rig.Audit(t, append(h.Flags(), "--for", "5s", "--manifests", objectsOf(t, "enforced"))...)
	if s := r.Coverage.SilentNodes; !slices.Contains(s, "rig/node-2") || slices.Contains(s, "rig/node-1") {
		t.Errorf("silent nodes %v, nodes %v", r.Coverage.SilentNodes, r.Coverage.Nodes)
	}
	if p := r.Coverage.Percent(); p > 50 {
		t.Errorf("%d percent were seen", p)
	}
}
