package sarif

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
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
			Artifacts         []artifact
			Properties        struct{ Findings, FindingsHere, FindingsAccepted, FindingsLeftOut, Part, Parts int }
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
	artifact struct {
		Location struct{ URI string }
		Length   int
		Contents text
	}
	location struct {
		PhysicalLocation *struct {
			ArtifactLocation struct {
				URI   string
				Index *int
			}
			Region struct {
				StartLine, StartColumn, EndLine, EndColumn int
				Snippet                                    *text
			}
		}
		Message          text
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
		Suppressions                       *[]struct{ Kind, Status, Justification string }
		CodeFlows                          []struct {
			ThreadFlows []struct{ Locations []struct{ Location location } }
		}
		Fixes []struct {
			Description     text
			ArtifactChanges []struct {
				ArtifactLocation struct{ URI string }
				Replacements     []struct {
					DeletedRegion   struct{ StartLine, EndLine int }
					InsertedContent text
				}
			}
		}
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
		at := r.Locations[0].PhysicalLocation
		for who, key := range map[string]string{
			"GitHub":     fmt.Sprint(r.RuleID, at.ArtifactLocation.URI, r.PartialFingerprints["primaryLocationLineHash"]),
			"GitLab":     fmt.Sprint(r.RuleID, at.ArtifactLocation.URI, at.Region.StartLine, ":", at.Region.EndLine),
			"DefectDojo": fmt.Sprint(r.PartialFingerprints),
		} {
			if seen[who+key] {
				t.Errorf("%s takes two results for one: %s", who, key)
			}
			seen[who+key] = true
		}
		acceptText(t, at.ArtifactLocation.Index, r.Locations[0], run.Artifacts)
	}
	if n := shown(d); n != run.Properties.FindingsHere {
		t.Errorf("%d findings are shown, and %d are counted", n, run.Properties.FindingsHere)
	}
	if len(run.Results) > 5000 || len(b) > 10_000_000 || len(rules) > 25_000 {
		t.Errorf("%d results and %d rules in %d bytes: GitLab takes 5,000 in 10 MB", len(run.Results), len(rules), len(b))
	}
	for _, n := range run.Invocations[0].ToolExecutionNotifications {
		acceptNotification(t, n, run.Tool.Driver.Notifications, rules)
	}
	return d
}

// shown is how many findings the results of a document say they stand for.
func shown(d document) (n int) {
	for _, r := range d.Runs[0].Results {
		k, _ := r.Properties["findings"].(float64)
		n += int(k)
	}
	return n
}

// acceptText checks that a location shows what its file holds.
func acceptText(t *testing.T, index *int, l location, files []artifact) {
	t.Helper()
	if index == nil {
		return
	}
	if *index >= len(files) || files[*index].Location.URI != l.PhysicalLocation.ArtifactLocation.URI {
		t.Fatalf("index %d does not lead to %s", *index, l.PhysicalLocation.ArtifactLocation.URI)
	}
	f, at := files[*index], l.PhysicalLocation.Region
	lines := strings.Split(f.Contents.Text, "\n")
	if f.Length != len(f.Contents.Text) || at.StartLine > len(lines) || at.Snippet != nil && at.Snippet.Text != lines[at.StartLine-1] {
		t.Errorf("line %d of %s is not the snippet %v", at.StartLine, f.Location.URI, at.Snippet)
	}
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

// secret are the weaknesses for which GitLab takes a document for one of another
// kind of scan.
var secret = regexp.MustCompile(`(?i)^(.*/)?cwe-(798|259|321|522|312|319|256|257|540)$`)

func acceptRule(t *testing.T, r rule) {
	t.Helper()
	if r.ID == "" || r.ShortDescription.Text == "" || r.FullDescription.Text == "" || r.Help.Text == "" {
		t.Errorf("rule %q lacks a text that GitHub requires", r.ID)
	}
	if len(r.FullDescription.Text) > 1024 || len(r.ShortDescription.Text) > 1024 || len(r.Name) > 255 {
		t.Errorf("rule %s: text is too long for GitHub", r.ID)
	}
	for _, tag := range r.Properties.Tags {
		if secret.MatchString(tag) {
			t.Errorf("rule %s: for the tag %s GitLab takes it for secret detection", r.ID, tag)
		}
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
	if len(r.RelatedLocations) > 100 || len(r.Locations[0].LogicalLocations) > 100 {
		t.Error("more locations than GitHub keeps")
	}
	if len(r.Locations) != 1 {
		t.Fatalf("%d locations, want exactly 1", len(r.Locations))
	}
	all := slices.Concat(r.Locations, r.RelatedLocations)
	for _, c := range r.CodeFlows {
		for _, l := range c.ThreadFlows[0].Locations {
			all = append(all, l.Location)
		}
	}
	for _, x := range r.Fixes {
		if x.Description.Text == "" {
			t.Error("a fix without a text: DefectDojo breaks")
		}
		for _, c := range x.ArtifactChanges {
			acceptURI(t, c.ArtifactLocation.URI)
		}
	}
	for _, l := range all {
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
