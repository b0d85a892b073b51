package sarif

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/owenrumney/go-sarif/v2/sarif"
	"github.com/segproof/segproof/audit"
)

const (
	home   = "https://github.com/segproof/segproof"
	schema = "https://json.schemastore.org/sarif-2.1.0.json"
)

// documents are what becomes of one report: one document, or the parts that it
// is split into. Making them is pure: the same report gives the same documents.
type documents struct {
	Reporter
	report   *audit.Report
	cluster  string
	at       *locator
	edges    map[string]*audit.Edge
	infos    []audit.RuleInfo
	rules    map[string]int // id of a rule to its index, which go-sarif finds by a scan, or writes as 2^64-1
	groups   []group        // the worst first
	findings int            // in all groups
	accepted int            // findings that are left out, since they are accepted
	parts    [][]int        // indices of groups
	weights  []int          // of groups: the length of each result, if there are parts
	left     int            // findings that no part has room for
	lean     bool           // results without what explains them
	split    bool           // into parts that dashboards take; a stream is one document whatever its size
}

func (s Reporter) documents(r *audit.Report) *documents {
	fails, accepted := s.failures(r)
	d := &documents{
		Reporter: s, report: r, cluster: r.Cluster, at: newLocator(s.Root, r), edges: edgesOf(r),
		infos: rulesOf(r, fails), rules: map[string]int{}, findings: len(fails), accepted: accepted,
	}
	for i, info := range d.infos {
		d.rules[info.ID] = i
	}
	d.groups = d.at.groups(fails)
	all := make([]int, len(d.groups))
	for i := range all {
		all[i] = i
	}
	d.parts = [][]int{all}
	return d
}

// head is part n without its results: the tool, its rules, and what was not seen.
func (d *documents) head(n int) *sarif.Run {
	r := d.report
	driver := sarif.NewDriver("segproof").WithInformationURI(home)
	if v := strings.TrimPrefix(clean(r.Run.Version), "v"); v != "" {
		if v[0] < '0' || v[0] > '9' {
			v = "0 " + v // consumers compare versions, and expect a number first
		}
		driver.WithVersion(v)
		if semantic.MatchString(v) {
			driver.WithSemanticVersion(v)
		}
	}
	for _, info := range d.infos {
		driver.Rules = append(driver.Rules, descriptor(info))
	}
	driver.Notifications = descriptors()
	run := sarif.NewRun(sarif.Tool{Driver: driver})
	run.Results = nil // written one by one
	run.AutomationDetails = d.automation(n)
	run.Invocations = []*sarif.Invocation{d.invocation(n)}
	run.ColumnKind = "utf16CodeUnits"
	run.Properties = sarif.Properties{
		"cluster": clean(r.Cluster), "trigger": clean(string(r.Run.Trigger)),
		"coveragePercent": r.Coverage.Percent(), "proven": len(r.Findings) - d.findings - d.accepted,
		"findings": d.findings, "findingsHere": d.count(d.parts[n]), "findingsAccepted": d.accepted, "findingsLeftOut": d.left,
		"part": n + 1, "parts": len(d.parts),
	}
	return run
}

// count is how many findings groups hold.
func (d *documents) count(groups []int) (n int) {
	for _, i := range groups {
		n += len(d.groups[i].findings)
	}
	return n
}

var semantic = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

// automation identifies the run. GitHub takes what is before the last slash as
// the category within which a new document replaces the former one; so each part
// has its own.
func (d *documents) automation(n int) *sarif.RunAutomationDetails {
	category := d.category()
	if n > 0 {
		category += fmt.Sprintf("/part-%d", n+1)
	}
	r := d.report
	return sarif.NewRunAutomationDetails().
		WithID(category + "/" + segment(r.Run.ID)).
		WithGUID(guid("run", r.Cluster, r.Run.ID, category)).
		WithCorrelationGUID(guid("cluster", r.Cluster, category))
}

// category is the one of the configuration, or is made of the cluster's name.
func (d *documents) category() string {
	segments := strings.FieldsFunc(d.Category, func(c rune) bool { return c == '/' })
	for i := range segments {
		segments[i] = segment(segments[i])
	}
	return cmp.Or(strings.Join(segments, "/"), "segproof/"+segment(d.cluster))
}

// guid is a UUID made of what it identifies.
func guid(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	sum[6], sum[8] = sum[6]&0x0f|0x50, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// invocation says when the run was, and what it did not see. It was successful
// whatever was found: a report that exists could be made.
func (d *documents) invocation(n int) *sarif.Invocation {
	ok := true
	r := d.report
	i := &sarif.Invocation{ExecutionSuccessful: &ok, StartTimeUTC: utc(r.Run.Began), EndTimeUTC: utc(r.Run.Ended)}
	i.ToolExecutionNotifications = slices.Concat(notifications(r, d.rules), d.limits(n))
	return i
}

func utc(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
