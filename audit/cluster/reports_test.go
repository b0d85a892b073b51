package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segproof/segproof/audit"
)

const oneReport = `
apiVersion: API
kind: KIND
metadata: {name: uid-1, namespace: shop}
source: kyverno
scope: {apiVersion: apps/v1, kind: Deployment, name: web, namespace: shop}
results:
- {policy: limits, rule: r, result: RESULT, severity: high, message: no limits, timestamp: {seconds: SECONDS, nanos: 5}}
- {policy: labels, result: pass, timestamp: {seconds: 1767225600}}
- {policy: shop/own, result: skip}
`

func reportOf(api, kind, result string, seconds int) string {
	return strings.NewReplacer("API", api, "KIND", kind, "RESULT", result, "SECONDS", fmt.Sprint(seconds)).Replace(oneReport)
}

func wgReport(result string, seconds int) string {
	return reportOf("wgpolicyk8s.io/v1alpha2", "PolicyReport", result, seconds)
}

func openReport(result string, seconds int) string {
	return reportOf("openreports.io/v1alpha1", "Report", result, seconds)
}

func TestAReportTellsOnlyWhatIsWrong(t *testing.T) {
	got := inventory(t, wgReport("fail", 1767225601)).Results
	want := []audit.KyvernoResult{{
		Policy: "limits", Rule: "r", Source: "kyverno", Result: "fail", Severity: "high", Message: "no limits",
		Resource:  audit.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"},
		Timestamp: time.Date(2026, 1, 1, 0, 0, 1, 5, time.UTC),
		Report:    audit.Ref{Kind: "PolicyReport", Namespace: "shop", Name: "uid-1"},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAResultNamesItsOwnResourceBeforeTheReports(t *testing.T) {
	inv := inventory(t, `
apiVersion: wgpolicyk8s.io/v1alpha2
kind: ClusterPolicyReport
metadata: {name: r}
scope: {kind: Namespace, name: scope}
results:
- {policy: p, result: error, source: other, resources: [{kind: Namespace, name: first}, {kind: Namespace, name: second}], timestamp: "2026-01-01T00:00:00Z"}
- {policy: p, result: warn, timestamp: yesterday}
`)
	var got []string
	for _, r := range inv.Results {
		got = append(got, fmt.Sprint(r.Result, " ", r.Resource, " ", r.Source, " ", r.Timestamp.Year()))
	}
	if d := cmp.Diff([]string{"error Namespace first other 2026", "warn Namespace scope  1"}, got); d != "" {
		t.Error(d)
	}
}

func TestOfTwoReportKindsTheFresherOneSpeaks(t *testing.T) {
	const early, late = 1767225700, 1767229300
	for _, tt := range []struct {
		name    string
		reports []string
		want    []string
	}{
		{"the same twice", []string{wgReport("fail", early), openReport("fail", early)}, []string{"fail Report"}},
		{"mended since", []string{wgReport("fail", early), openReport("pass", late)}, nil},
		{"broken since", []string{wgReport("pass", early), openReport("fail", late)}, []string{"fail Report"}},
		{"went back to the old kind", []string{openReport("fail", early), wgReport("warn", late)}, []string{"warn PolicyReport"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, text := range []string{tt.reports[0] + "---" + tt.reports[1], tt.reports[1] + "---" + tt.reports[0]} {
				var got []string
				for _, r := range inventory(t, text).Results {
					got = append(got, r.Result+" "+r.Report.Kind)
				}
				if d := cmp.Diff(tt.want, got); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func TestTheSameWordsInTwoReportsCountOnce(t *testing.T) {
	merged := strings.Replace(wgReport("fail", 1767225601), "uid-1", "merged", 1)
	if got := inventory(t, merged+"---"+openReport("fail", 1767225601)).Results; len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

func TestKyvernosCommandLineReportsAreRead(t *testing.T) {
	// It writes kinds that the group does not have, and several reports of one name.
	cli := reportOf("openreports.io/v1alpha1", "PolicyReport", "fail", 1767225601)
	got := inventory(t, cli+"---"+strings.Replace(cli, "name: web", "name: api", 1)).Results
	if len(got) != 2 || got[0].Report.Kind != "Report" {
		t.Errorf("got %v", got)
	}
}

func TestALongMessageIsCutBetweenCharacters(t *testing.T) {
	text := strings.Replace(wgReport("fail", 1), "no limits", strings.Repeat("ä", maxMessage), 1)
	got := inventory(t, text).Results[0].Message
	if want := strings.Repeat("ä", maxMessage/2) + "…"; got != want {
		t.Errorf("%d bytes", len(got))
	}
}

func TestAReportOfTheWrongShapeIsAProblem(t *testing.T) {
	for _, bad := range []string{"results: 3", "results: [3]", "results: [{result: fail, resources: {}}]", "results: [{result: 1}]", "scope: []"} {
		text := "{apiVersion: wgpolicyk8s.io/v1alpha2, kind: PolicyReport, metadata: {name: r}, " + bad + "}\n---\n" + policy
		inv, err := (&Manifests{Paths: []string{"-"}, Stdin: strings.NewReader(text)}).Inventory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(inv.Problems) != 1 || !strings.HasPrefix(inv.Problems[0].Err, "PolicyReport default/r: ") {
			t.Errorf("%s: %v", bad, inv.Problems)
		}
	}
}
