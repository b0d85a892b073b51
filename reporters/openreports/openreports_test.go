package openreports

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/segproof/segproof/audit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func canonical(t *testing.T) *audit.Report {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := audit.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func written(t *testing.T, r *audit.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := (Reporter{W: &b}).Report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// schemas are those of the definitions, by kind, made strict: an API server
// drops what they don't name, and so would nobody miss it.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	out := map[string]*jsonschema.Schema{}
	for _, file := range []string{"openreports.io_reports.yaml", "openreports.io_clusterreports.yaml"} {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		var crd struct {
			Spec struct {
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct {
						OpenAPIV3Schema any `yaml:"openAPIV3Schema"`
					}
				}
			}
		}
		if err := yaml.Unmarshal(b, &crd); err != nil {
			t.Fatal(err)
		}
		v := crd.Spec.Versions[0]
		if "openreports.io/"+v.Name != apiVersion {
			t.Fatalf("%s defines %s", file, v.Name)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource(file, asJSON(t, strict(v.Schema.OpenAPIV3Schema))); err != nil {
			t.Fatal(err)
		}
		if out[crd.Spec.Names.Kind], err = c.Compile(file); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// strict forbids what is not named, save in the metadata, which every object has.
func strict(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			strict(x)
		}
		if _, ok := v["properties"].(map[string]any); ok && v["type"] == "object" {
			v["additionalProperties"] = false
		}
	case []any:
		for _, x := range v {
			strict(x)
		}
	}
	return v
}

func asJSON(t *testing.T, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// accept reads documents as an API server does, and returns them.
func accept(t *testing.T, b []byte) []document {
	t.Helper()
	kinds := schemas(t)
	var out []document
	names := map[string]bool{}
	for d := yaml.NewDecoder(bytes.NewReader(b)); ; {
		var n yaml.Node
		if err := d.Decode(&n); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		var x document
		if err := errors.Join(n.Decode(&v), n.Decode(&x)); err != nil {
			t.Fatal(err)
		}
		if kinds[x.Kind] == nil || x.APIVersion != apiVersion {
			t.Fatalf("%s %s is not defined", x.APIVersion, x.Kind)
		}
		if err := kinds[x.Kind].Validate(asJSON(t, v)); err != nil {
			t.Errorf("the API server refuses it: %v", err)
		}
		if id := x.Kind + " " + x.Metadata.Namespace + "/" + x.Metadata.Name; names[id] {
			t.Errorf("two are %s", id)
		} else {
			names[id] = true
		}
		if n := x.Summary; n.Pass+n.Fail+n.Warn+n.Error+n.Skip != len(x.Results) {
			t.Errorf("the summary %+v does not add up to %d results", n, len(x.Results))
		}
		out = append(out, x)
	}
}

func TestTheObjectsAreTheGoldenFileAndTheAPIServerTakesThem(t *testing.T) {
	got := written(t, canonical(t))
	golden := filepath.Join("testdata", "report.yaml")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	accept(t, got)
	if !bytes.Equal(got, written(t, canonical(t))) {
		t.Error("the same report gives other bytes")
	}
}

func TestTheSchemaRefusesWhatIsWrong(t *testing.T) {
	kinds := schemas(t)
	for _, wrong := range []result{{Policy: "p", Result: "maybe"}, {Policy: "p", Result: pass, Severity: "grave"}} {
		d := newDocument("web", 1, []result{wrong})
		if kinds["Report"].Validate(asJSON(t, d)) == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
}

func TestEachFindingIsOneResultAndAnAcceptedOneDoesNotFail(t *testing.T) {
	r := canonical(t)
	prints, failed := map[string]string{}, 0
	for _, d := range accept(t, written(t, r)) {
		for _, x := range d.Results {
			if p := x.Properties["fingerprint"]; p != "" {
				prints[p] = x.Result
			}
		}
		failed += d.Summary.Fail
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		got := prints[f.Fingerprint]
		if want := verdict(f); got != want || f.Suppressed != nil && got != skip {
			t.Errorf("%s of %s is %q, expected %q", f.ID, f.Subject, got, want)
		}
	}
	if failed == 0 || len(prints) != len(r.Findings) {
		t.Errorf("%d of %d findings are told, %d fail", len(prints), len(r.Findings), failed)
	}
}

func TestANamespaceThatCanNotBeOneIsToldOfInTheClustersReport(t *testing.T) {
	for _, ns := range []string{"zone/../../etc", "Ümläut", "", "-", strings.Repeat("a", 64), "a\nb"} {
		f := audit.Finding{Rule: "flow-drop-gap", Kind: audit.Fails, Severity: audit.High, Subject: audit.Ref{Kind: "Pod", Namespace: ns, Name: "p"}}
		ds := accept(t, written(t, &audit.Report{Findings: []audit.Finding{f}}))
		if len(ds) != 1 || ds[0].Kind != "ClusterReport" || ds[0].Summary.Fail != 1 {
			t.Errorf("namespace %q: %+v", ns, ds)
		}
	}
}

func TestManyResultsAreSpreadOverObjectsThatFit(t *testing.T) {
	r := &audit.Report{}
	long := strings.Repeat("é", 5000)
	const many = 2*maxResults + 1
	for i := range many {
		r.Findings = append(r.Findings, audit.Finding{
			ID: "SEG401", Rule: "flow-drop-gap", Kind: audit.Fails, Severity: audit.High, Message: long, Fix: long, Owner: long,
			Subject: audit.Ref{Kind: "Pod", Namespace: "web", Name: fmt.Sprintf("p-%04d", i)}, Fingerprint: fmt.Sprint(i),
		})
	}
	failed := 0
	for _, d := range accept(t, written(t, r)) {
		failed += d.Summary.Fail
		b, err := json.Marshal(d)
		if err != nil || len(b) > 1_400_000 {
			t.Errorf("%s is of %d bytes (%v)", d.Metadata.Name, len(b), err)
		}
	}
	if failed != many {
		t.Errorf("%d fail, expected %d", failed, many)
	}
}

type cluster struct{ applied []map[string]any }

func (c *cluster) Apply(_ context.Context, objects []map[string]any) error {
	c.applied = objects
	return nil
}

func TestWhatIsAppliedIsWhatIsWritten(t *testing.T) {
	r := canonical(t)
	var c cluster
	if err := (Writer{&c}).Report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	var applied bytes.Buffer
	if err := json.NewEncoder(&applied).Encode(c.applied); err != nil {
		t.Fatal(err)
	}
	var got []document
	if err := json.Unmarshal(applied.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(accept(t, written(t, r)), got); d != "" {
		t.Errorf("(-written +applied):\n%s", d)
	}
}

func TestWhatChangesEveryRunIsInNoMessage(t *testing.T) {
	messages := func(r *audit.Report) (out []string) {
		for _, d := range render(r) {
			for _, x := range d.Results {
				if x.Result == fail || x.Result == warn {
					out = append(out, x.Message)
				}
			}
		}
		return out
	}
	r := canonical(t)
	before := messages(r)
	r.Coverage.Lost, r.Coverage.Flows = 99, 1_000_000
	for i := range r.Findings {
		for n := range r.Findings[i].Evidence {
			r.Findings[i].Evidence[n].Flows += 17
		}
	}
	if d := cmp.Diff(before, messages(r)); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
}
