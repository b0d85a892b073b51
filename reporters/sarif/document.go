package sarif

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"time"

	"github.com/owenrumney/go-sarif/v2/sarif"
	"github.com/segproof/segproof/audit"
)

const (
	home   = "https://github.com/segproof/segproof"
	schema = "https://json.schemastore.org/sarif-2.1.0.json"
)

// render makes a document with one run. It is pure: the same report gives the
// same document. Indices are set here, since go-sarif finds them by a scan for
// each result, and writes 2^64-1 where it finds none.
func (s Reporter) render(r *audit.Report) *sarif.Report {
	fails := failures(r.Findings)
	driver := sarif.NewDriver("segproof").WithInformationURI(home)
	if v := audit.Clean(r.Run.Version); v != "" {
		driver.WithVersion(v)
		if v = strings.TrimPrefix(v, "v"); semantic.MatchString(v) {
			driver.WithSemanticVersion(v)
		}
	}
	index := map[string]int{}
	for i, rule := range rulesOf(r, fails) {
		index[rule.ID] = i
		driver.Rules = append(driver.Rules, descriptor(rule))
	}
	driver.Notifications = descriptors()
	run := sarif.NewRun(sarif.Tool{Driver: driver})
	for i := range fails {
		run.Results = append(run.Results, s.result(r.Cluster, &fails[i], index[fails[i].ID]))
	}
	run.AutomationDetails = automation(r)
	run.Invocations = []*sarif.Invocation{invocation(r, index, run.Results)}
	run.ColumnKind = "utf16CodeUnits"
	run.Properties = sarif.Properties{
		"cluster": audit.Clean(r.Cluster), "trigger": audit.Clean(string(r.Run.Trigger)),
		"coveragePercent": r.Coverage.Percent(), "proven": len(r.Findings) - len(fails),
	}
	return &sarif.Report{Version: string(sarif.Version210), Schema: schema, Runs: []*sarif.Run{run}}
}

var semantic = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

// automation identifies the run. GitHub takes what is before the last slash as
// the category within which a new document replaces the former one.
func automation(r *audit.Report) *sarif.RunAutomationDetails {
	return sarif.NewRunAutomationDetails().
		WithID("segproof/" + segment(r.Cluster) + "/" + segment(r.Run.ID)).
		WithGUID(guid("run", r.Cluster, r.Run.ID)).
		WithCorrelationGUID(guid("cluster", r.Cluster))
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
func invocation(r *audit.Report, rules map[string]int, results []*sarif.Result) *sarif.Invocation {
	ok := true
	i := &sarif.Invocation{ExecutionSuccessful: &ok, StartTimeUTC: utc(r.Run.Began), EndTimeUTC: utc(r.Run.Ended)}
	i.ToolExecutionNotifications = notifications(r, rules, results)
	return i
}

func utc(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
