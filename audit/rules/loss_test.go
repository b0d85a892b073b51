package rules_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/cluster"
	"github.com/segproof/segproof/audit/flows"
	"github.com/segproof/segproof/audit/rules"
)

// What was not seen proves nothing: with every fifth flow gone, and said to be,
// no rule finds what it does not find in all of them, but for the loss itself.
// What it can't tell any more it withholds, and counts.
func TestLostFlowsRaiseNoFinding(t *testing.T) {
	withheld := 0
	for name, c := range lossy(t) {
		whole := check(t, c.objects, c.flows)
		had := map[string]bool{}
		for _, f := range whole.Findings {
			had[f.Fingerprint] = true
		}
		for seed := range uint64(4) {
			kept, lost := thin(c.flows, seed)
			part := check(t, c.objects, kept+fmt.Sprintf(`{"lost_events":{"source":"HUBBLE_RING_BUFFER","num_events_lost":%d},"node_name":"lab/lab-node","time":%q}`+"\n", lost, c.at))
			for _, f := range part.Findings {
				if !strings.HasPrefix(f.Rule, "evidence-") && !had[f.Fingerprint] {
					t.Errorf("%s, seed %d: %s %s: %s is found only because flows were lost", name, seed, f.Rule, f.Subject, f.Message)
				}
			}
			if part.Coverage.Lost != uint64(lost) {
				t.Errorf("%s, seed %d: the report says that %d flows were lost, want %d", name, seed, part.Coverage.Lost, lost)
			}
			for rule, n := range part.Coverage.Withheld {
				withheld += max(0, n-whole.Coverage.Withheld[rule])
			}
		}
	}
	if withheld == 0 {
		t.Error("nothing was withheld for what was lost")
	}
}

type lossyCase struct {
	objects []byte
	flows   string
	at      string // time of the loss
}

// lossy are recordings of a real cluster, and archives of rules that count.
func lossy(t *testing.T) map[string]lossyCase {
	t.Helper()
	out := map[string]lossyCase{}
	for _, name := range []string{"enforced", "not-enforced", "audit-mode", "platform", "cilium-rules", "policy-change", "dns-forgotten"} {
		dir := filepath.Join("..", "..", "cmd", "segproof", "recordings", name)
		if _, err := os.Stat(dir); err != nil {
			dir = filepath.Join("..", "..", "cmd", "segproof", "testdata", "recordings", name)
		}
		out[name] = lossyCase{unpacked(t, dir, "objects.yaml"), string(unpacked(t, dir, "flows.jsonl")), "2026-11-22T22:43:00Z"}
	}
	for _, name := range []string{
		"flow-scan-pattern/twenty-doors", "flow-drop-gap/ingress", "flow-platform-dropped/webhook-and-ingress", "flow-unused-allow/unused-for-a-month",
		"flow-overbroad-allow/every-port-everybody", "l7-path-fullmatch/refused-below", "l7-not-applied/forwarded-without-a-proxy",
		"flow-world-egress-new/names-and-addresses", "rule-world-open-port/used-by-few", "clean-platform",
	} {
		a, err := txtar.ParseFile(filepath.Join("testdata", filepath.FromSlash(name)+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		c := lossyCase{at: "2026-03-01T12:00:10Z"}
		for _, f := range a.Files {
			switch f.Name {
			case "cluster.yaml":
				c.objects = f.Data
			case "flows.jsonl":
				c.flows = string(f.Data)
			}
		}
		out[name] = c
	}
	return out
}

// unpacked reads a file of a recording, which may be packed.
func unpacked(t *testing.T, dir, name string) []byte {
	t.Helper()
	if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
		return b
	}
	f, err := os.Open(filepath.Join(dir, name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// thin loses about one flow in five.
func thin(lines string, seed uint64) (kept string, lost int) {
	r := rand.New(rand.NewPCG(seed, 5))
	var b strings.Builder
	for l := range strings.Lines(lines) {
		if r.IntN(5) == 0 && strings.Contains(l, `"flow"`) {
			lost++
			continue
		}
		b.WriteString(strings.TrimSuffix(l, "\n") + "\n")
	}
	return b.String(), lost
}

func check(t *testing.T, objects []byte, lines string) *audit.Report {
	t.Helper()
	auditor := &audit.Auditor{
		Cluster: &cluster.Manifests{Paths: []string{"-"}, Stdin: bytes.NewReader(objects)},
		Network: &flows.Files{Paths: []string{"-"}, Stdin: strings.NewReader(lines)},
		Options: audit.Options{ClusterName: "lab", Settle: 30 * time.Second, SystemNamespaces: []string{"kube-system", "kyverno"}},
	}
	s, _, err := auditor.Gather(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return audit.Check(s, engine(s), rules.All)
}
