package sarif

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The parts of a document that consumers look at, read by other means than
// those that wrote it.
type (
	document struct {
		Runs []struct {
			Tool struct {
				Driver struct {
					Rules         []rule
					Notifications []rule
				}
			}
			AutomationDetails struct{ ID string }
			Invocations       []struct {
				ExecutionSuccessful        bool
				ToolExecutionNotifications []notification
			}
			Results []result
		}
	}
	text struct{ Text string }
	rule struct {
		ID, Name                                string
		ShortDescription, FullDescription, Help text
		Properties                              struct {
			Tags     []string
			Security string `json:"security-severity"`
		}
	}
	reference struct {
		ID    string
		Index int
	}
	notification struct {
		Level                      string
		Message                    text
		Descriptor, AssociatedRule *reference
	}
	location struct {
		PhysicalLocation *struct {
			ArtifactLocation struct{ URI string }
			Region           struct{ StartLine, StartColumn, EndLine, EndColumn int }
		}
		LogicalLocations []struct{ FullyQualifiedName string }
	}
	result struct {
		RuleID, Kind, Level, BaselineState string
		RuleIndex                          int
		Rank                               float64
		Message                            text
		Locations, RelatedLocations        []location
		PartialFingerprints                map[string]string
		Properties                         map[string]any
	}
)

// accept decodes a document after holding it against the schema and against
// the documented rules of the consumers.
func accept(t *testing.T, b []byte) document {
	t.Helper()
	valid(t, b)
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Runs) != 1 {
		t.Fatalf("%d runs, want 1", len(d.Runs))
	}
	run := d.Runs[0]
	rules := run.Tool.Driver.Rules
	for _, r := range rules {
		acceptRule(t, r)
	}
	seen := map[string]bool{}
	for _, r := range run.Results {
		if r.RuleIndex >= len(rules) || rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("ruleIndex %d does not lead to rule %s", r.RuleIndex, r.RuleID)
		}
		acceptResult(t, r)
		key := fmt.Sprint(r.RuleID, r.Locations[0].PhysicalLocation.ArtifactLocation.URI, r.PartialFingerprints["primaryLocationLineHash"])
		if seen[key] {
			t.Errorf("GitHub takes two results for one: %s", key)
		}
		seen[key] = true
	}
	for _, n := range run.Invocations[0].ToolExecutionNotifications {
		acceptNotification(t, n, run.Tool.Driver.Notifications, rules)
	}
	return d
}

// valid checks against the schema of SARIF, and that there is no null.
func valid(t *testing.T, b []byte) {
	t.Helper()
	file, err := os.Open("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	doc, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("not JSON: %v\n%s", err, b)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("not SARIF: %v", err)
	}
	if path := null(v); path != "" {
		t.Errorf("null at %s: GitHub refuses it", path)
	}
}

// null is the path of a null; "" if there is none.
func null(v any) string {
	switch v := v.(type) {
	case nil:
		return "."
	case map[string]any:
		for k, x := range v {
			if p := null(x); p != "" {
				return "/" + k + p
			}
		}
	case []any:
		for i, x := range v {
			if p := null(x); p != "" {
				return fmt.Sprint("/", i, p)
			}
		}
	}
	return ""
}

func acceptRule(t *testing.T, r rule) {
	t.Helper()
	if r.ID == "" || r.ShortDescription.Text == "" || r.FullDescription.Text == "" || r.Help.Text == "" {
		t.Errorf("rule %q lacks a text that GitHub requires", r.ID)
	}
	if len(r.FullDescription.Text) > 1024 || len(r.ShortDescription.Text) > 1024 || len(r.Name) > 255 {
		t.Errorf("rule %s: text is too long for GitHub", r.ID)
	}
	if len(r.Properties.Tags) > 10 || r.Properties.Security == "" {
		t.Errorf("rule %s: %d tags and security-severity %q", r.ID, len(r.Properties.Tags), r.Properties.Security)
	}
}

func acceptResult(t *testing.T, r result) {
	t.Helper()
	if r.Kind != "fail" {
		t.Errorf("kind %q: only failures are results", r.Kind)
	}
	if n := len(r.Message.Text); n == 0 || n > 2048 || strings.Contains(r.Message.Text, "](") {
		t.Errorf("message is empty, holds a link or is longer than GitLab takes: %d bytes", n)
	}
	if len(r.Locations) != 1 {
		t.Fatalf("%d locations, want exactly 1", len(r.Locations))
	}
	for _, l := range append(r.Locations, r.RelatedLocations...) {
		if l.PhysicalLocation == nil {
			t.Fatal("a location without a physical one: GitHub refuses it and reviewdog panics")
		}
		acceptURI(t, l.PhysicalLocation.ArtifactLocation.URI)
		if g := l.PhysicalLocation.Region; min(g.StartLine, g.StartColumn, g.EndLine, g.EndColumn) < 1 {
			t.Errorf("region %+v lacks a number", g)
		}
	}
	if len(r.PartialFingerprints["segproofId/v1"]) != 32 || !strings.HasSuffix(r.PartialFingerprints["primaryLocationLineHash"], ":1") {
		t.Errorf("fingerprints are %v", r.PartialFingerprints)
	}
}

func acceptURI(t *testing.T, uri string) {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil || u.IsAbs() || u.Host != "" || u.RawQuery != "" || u.Fragment != "" || strings.HasPrefix(uri, "/") {
		t.Errorf("uri %q is not a relative path (%v)", uri, err)
		return
	}
	for seg := range strings.SplitSeq(u.Path, "/") {
		if seg == "" || seg == "." || seg == ".." || len(seg) > 255 || strings.ContainsAny(seg, "\\\x00") {
			t.Errorf("uri %q has the segment %q", uri, seg)
		}
	}
	for _, c := range uri {
		if c <= ' ' || c > '~' || strings.ContainsRune(`<>"{}|\^`+"`", c) {
			t.Errorf("uri %q holds %q unescaped", uri, c)
		}
	}
}

func acceptNotification(t *testing.T, n notification, kinds, rules []rule) {
	t.Helper()
	if n.Level != "warning" || n.Message.Text == "" {
		t.Errorf("notification %+v is no warning or has no text", n)
	}
	for ref, in := range map[*reference][]rule{n.Descriptor: kinds, n.AssociatedRule: rules} {
		if ref != nil && (ref.Index >= len(in) || in[ref.Index].ID != ref.ID) {
			t.Errorf("%q: descriptor %+v does not resolve", n.Message.Text, *ref)
		}
	}
	if n.Descriptor == nil {
		t.Errorf("%q has no descriptor", n.Message.Text)
	}
}
