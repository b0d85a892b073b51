package cluster

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxMessage bounds what is kept of a result's message.
const maxMessage = 2048

// A report is a policy report of either group; they have the same shape.
type report struct {
	metav1.ObjectMeta `json:"metadata"`
	Source            string     `json:"source"`
	Scope             *reference `json:"scope"`
	Results           []result   `json:"results"`

	kind Kind
}

type result struct {
	Policy    string      `json:"policy"`
	Rule      string      `json:"rule"`
	Source    string      `json:"source"`
	Result    string      `json:"result"`
	Severity  string      `json:"severity"`
	Message   string      `json:"message"`
	Resources []reference `json:"resources"`
	Timestamp stamp       `json:"timestamp"`
}

type reference struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

var (
	referenceKeep = keep{"kind": nil, "namespace": nil, "name": nil}
	resultKeep    = keep{
		"policy": nil, "rule": nil, "source": nil, "result": nil, "severity": nil, "message": nil,
		"resources": referenceKeep, "timestamp": nil,
	}
	reportKeep = keep{"metadata": metaKeep, "source": nil, "scope": referenceKeep, "results": resultKeep}
)

func (c *collector) report(k Kind, u map[string]any) error {
	trimReport(u)
	r, err := decode[report](u, reportKeep)
	if err != nil {
		return err
	}
	r.kind = k
	c.reports = append(c.reports, *r)
	return nil
}

// trimReport drops the results that nothing is wrong with, which are most. The
// newest of them leaves its time behind: it says how fresh the report is.
func trimReport(u map[string]any) {
	all, ok := u["results"].([]any)
	if !ok {
		return
	}
	kept := make([]any, 0)
	var fresh any
	var last time.Time
	for _, r := range all {
		m, _ := r.(map[string]any)
		if verdict, ok := m["result"].(string); !ok || fails(verdict) {
			kept = append(kept, resultKeep.of(r))
		} else if t := newest(map[string]any{"results": []any{m}}); fresh == nil || t.After(last) {
			fresh, last = map[string]any{"result": "pass", "timestamp": m["timestamp"]}, t
		}
	}
	if fresh != nil {
		kept = append(kept, fresh)
	}
	u["results"] = kept
}

func fails(verdict string) bool {
	return verdict == "fail" || verdict == "error" || verdict == "warn"
}

// results lists what the reports say is wrong. Kyverno names a report by the uid
// of its resource; when it changes from one report group to the other, the old
// reports stay behind. So of two with one name, the fresher one speaks; and what
// two reports say in the same words is counted once.
func results(reports []report) []audit.KyvernoResult {
	slices.SortFunc(reports, func(a, b report) int {
		return cmp.Or(b.fresh().Compare(a.fresh()), cmp.Compare(a.kind.Group, b.kind.Group),
			cmp.Compare(a.kind.Kind, b.kind.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	type place struct{ namespace, name string }
	spoken := map[place]string{} // by the reports of which group
	said := map[audit.KyvernoResult]bool{}
	var out []audit.KyvernoResult
	for i := range reports {
		r := &reports[i]
		at := place{r.Namespace, r.Name}
		if g, ok := spoken[at]; ok && g != r.kind.Group {
			continue
		}
		spoken[at] = r.kind.Group
		for _, k := range r.failures() {
			words := k
			words.Timestamp, words.Report = time.Time{}, audit.Ref{}
			if !said[words] {
				said[words] = true
				out = append(out, k)
			}
		}
	}
	slices.SortFunc(out, compareResults)
	return out
}

func compareResults(a, b audit.KyvernoResult) int {
	return cmp.Or(compareRefs(a.Resource, b.Resource), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Result, b.Result), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Severity, b.Severity),
		cmp.Compare(a.Message, b.Message))
}

// fresh returns the time of the newest result.
func (r *report) fresh() time.Time {
	t := r.CreationTimestamp.UTC()
	for _, x := range r.Results {
		if at := time.Time(x.Timestamp); at.After(t) {
			t = at
		}
	}
	return t
}

func (r *report) failures() []audit.KyvernoResult {
	var out []audit.KyvernoResult
	for _, x := range r.Results {
		if !fails(x.Result) {
			continue
		}
		k := audit.KyvernoResult{
			Policy: x.Policy, Rule: x.Rule, Source: cmp.Or(x.Source, r.Source), Result: x.Result, Severity: x.Severity,
			Message: cut(x.Message), Timestamp: time.Time(x.Timestamp),
			Report: audit.Ref{Kind: r.kind.Kind, Namespace: r.Namespace, Name: r.Name},
		}
		if len(x.Resources) > 0 {
			k.Resource = audit.Ref(x.Resources[0])
		} else if r.Scope != nil {
			k.Resource = audit.Ref(*r.Scope)
		}
		out = append(out, k)
	}
	return out
}

func cut(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "") + "…"
}
