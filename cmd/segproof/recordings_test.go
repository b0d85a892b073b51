package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/segproof/segproof/audit"
)

// expected is what must come out of a recording, for the rules that it names,
// and nothing else of those rules.
type expected struct {
	Rules    []string
	Findings []wanted
	Optional []wanted
}

type wanted struct {
	Rule, Subject, Direction, Peer, Protocol string
	Port                                     *int
}

// key is what a finding is compared by.
func (w wanted) key() string {
	switch {
	case strings.HasPrefix(w.Rule, "cover-") || strings.HasPrefix(w.Rule, "kyverno-"):
		return w.Rule + " " + w.Subject
	case w.Rule == "enforce-audit-mode":
		return w.Rule + " " + w.Subject + " " + w.Direction
	}
	port := -1
	if w.Port != nil {
		port = *w.Port
	}
	return fmt.Sprintf("%s %s %s %s %s %d", w.Rule, w.Subject, w.Direction, w.Peer, w.Protocol, port)
}

// asWanted writes a finding as the expectations are written: who is outside the
// cluster is world.
func asWanted(f audit.Finding) wanted {
	name := func(r *audit.Ref) string {
		switch {
		case r == nil:
			return ""
		case r.Kind == "Namespace":
			return "Namespace/" + r.Name
		case r.Kind == "CIDR" || r.Kind == "FQDN":
			return "world"
		case r.Kind == "Entity":
			return r.Name
		case r.Namespace != "":
			return r.Namespace + "/" + r.Name
		}
		return r.Kind + "/" + r.Name
	}
	w := wanted{Rule: f.Rule, Subject: name(&f.Subject), Direction: string(f.Direction), Peer: name(f.Peer), Protocol: string(f.Protocol)}
	if f.Port != nil {
		p := int(*f.Port)
		w.Port = &p
	}
	return w
}

func TestEachRecordingGivesWhatItsFactsSayAndNoMore(t *testing.T) {
	for _, name := range recordingNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := readExpected(t, name)
			r := auditFiles(t, lay(t, name, false))
			got := map[string]bool{}
			for _, f := range r.Findings {
				if f.Kind == audit.Fails && slices.Contains(want.Rules, f.Rule) {
					got[asWanted(f).key()] = true
				}
			}
			may := map[string]bool{}
			for _, w := range want.Optional {
				may[w.key()] = true
			}
			for _, w := range want.Findings {
				if !got[w.key()] {
					t.Errorf("missing: %s", w.key())
				}
				may[w.key()] = true
			}
			for _, k := range slices.Sorted(maps.Keys(got)) {
				if !may[k] {
					t.Errorf("too much: %s", k)
				}
			}
		})
	}
}

func TestTheOrderOfInputNeverMatters(t *testing.T) {
	for _, name := range []string{"enforced", "policy-change", "platform"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := auditFiles(t, lay(t, name, false)), auditFiles(t, lay(t, name, true))
			if x, y := bytesOf(t, a), bytesOf(t, b); !bytes.Equal(x, y) {
				t.Errorf("another order of the same input gives another report:\n%s\n%s", firstDifference(x, y), firstDifference(y, x))
			}
		})
	}
}

// bytesOf is a record without what differs from run to run.
func bytesOf(t *testing.T, r *audit.Report) []byte {
	t.Helper()
	r.Run = audit.Run{}
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Location = audit.Source{} // the documents were shuffled too
		for n := range f.Policies {
			f.Policies[n].Location = audit.Source{}
		}
		if f.Suggestion != nil {
			f.Suggestion.Location, f.Suggestion.Diff = audit.Source{}, ""
		}
	}
	for i := range r.PolicyCoverage {
		r.PolicyCoverage[i].Location = audit.Source{}
	}
	for i := range r.Objects {
		r.Objects[i].Source = audit.Source{}
	}
	var b bytes.Buffer
	if err := audit.Encode(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func firstDifference(x, y []byte) string {
	xs, ys := strings.Split(string(x), "\n"), strings.Split(string(y), "\n")
	for i := range xs {
		if i >= len(ys) || xs[i] != ys[i] {
			return fmt.Sprintf("line %d: %s", i+1, xs[i])
		}
	}
	return "no difference"
}

func recordingNames(t *testing.T) []string {
	t.Helper()
	dirs, err := os.ReadDir(filepath.Join("testdata", "recordings"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range dirs {
		if d.IsDir() {
			names = append(names, d.Name())
		}
	}
	return names
}

func readExpected(t *testing.T, name string) expected {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "recordings", name, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var e expected
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// lay unpacks a recording into a folder of its own, in another order if asked.
func lay(t *testing.T, name string, shuffled bool) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range []string{"objects.yaml", "flows.jsonl"} {
		data := recorded(t, name, file)
		if shuffled {
			data = shuffle(t, file, data)
		}
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func gunzip(t *testing.T, path string) []byte {
	t.Helper()
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// shuffle puts the lines of flows, or the documents of YAML, in another order.
func shuffle(t *testing.T, file string, data []byte) []byte {
	t.Helper()
	var parts []string
	sep := "\n"
	if file == "objects.yaml" {
		sep = "\n---\n"
		parts = strings.Split(strings.TrimPrefix(string(data), "---\n"), sep)
	} else {
		lines := bufio.NewScanner(bytes.NewReader(data))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			parts = append(parts, lines.Text())
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return []byte(strings.Join(parts, sep) + "\n")
}

// auditFiles runs the command on the files of a folder, as a user does.
func auditFiles(t *testing.T, dir string) *audit.Report {
	t.Helper()
	return auditWith(t, "--manifests", filepath.Join(dir, "objects.yaml"), "--flows", filepath.Join(dir, "flows.jsonl"), "--cluster", "lab", "--json", "-")
}
