package cluster

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/segproof/segproof/audit"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxMessage bounds what is kept of a result's message.
const maxMessage = 2048

// A report is what is kept of a policy report of either group.
type report struct {
	group, kind     string
	namespace, name string
	fresh           time.Time // that of the newest result
	failures        []audit.KyvernoResult
	passes          []pass
}

// A pass counts the results of one rule that hold. There are many reports that
// say the same of other resources, so what they say is kept once.
type pass struct {
	of     unique.Handle[passKey]
	count  int32
	newest int64 // in seconds; 0 if not known
}

type passKey struct{ policy, rule, source string }

// policyReport is a report as decoded; both groups have the same shape.
type policyReport struct {
	metav1.ObjectMeta `json:"metadata"`
	Source            string     `json:"source"`
	Scope             *reference `json:"scope"`
	Results           []result   `json:"results"`
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
	passKeep   = keep{"policy": nil, "rule": nil, "source": nil, "result": nil, "timestamp": nil}
	reportKeep = keep{"metadata": metaKeep, "source": nil, "scope": referenceKeep, "results": resultKeep}
)

func reportFrom(k Kind, u map[string]any) (*report, error) {
	trimReport(u)
	p, err := decode[policyReport](u, reportKeep)
	if err != nil {
		return nil, err
	}
	r := &report{group: k.Group, kind: k.Kind, namespace: p.Namespace, name: p.Name, fresh: p.CreationTimestamp.UTC()}
	if p.Source == "segproof" { // our own, which would only ring for one more audit
		return r, nil
	}
	passes := map[passKey]*pass{}
	for i := range p.Results {
		x := &p.Results[i]
		if at := time.Time(x.Timestamp); at.After(r.fresh) {
			r.fresh = at
		}
		switch {
		case fails(x.Result):
			r.failures = append(r.failures, p.failure(k.Kind, x))
		case x.Result == "pass" && x.Policy != "":
			key := passKey{x.Policy, x.Rule, cmp.Or(x.Source, p.Source)}
			if passes[key] == nil {
				passes[key] = &pass{of: unique.Make(key)}
			}
			passes[key].add(1, stampSeconds(x.Timestamp))
		}
	}
	for _, one := range passes {
		r.passes = append(r.passes, *one)
	}
	return r, nil
}

func (p *pass) add(count int32, at int64) {
	p.count += count
	p.newest = max(p.newest, at)
}

func stampSeconds(s stamp) int64 {
	if t := time.Time(s); !t.IsZero() {
		return t.Unix()
	}
	return 0
}

// trimReport drops what is not read of the results that nothing is wrong with,
// which are most.
func trimReport(u map[string]any) {
	all, ok := u["results"].([]any)
	if !ok {
		return
	}
	kept := make([]any, len(all))
	for i, r := range all {
		m, _ := r.(map[string]any)
		switch verdict, ok := m["result"].(string); {
		case !ok || fails(verdict):
			kept[i] = resultKeep.of(r)
		case verdict == "pass":
			kept[i] = passKeep.of(r)
		default:
			kept[i] = keep{"result": nil, "timestamp": nil}.of(r)
		}
	}
	u["results"] = kept
}

func fails(verdict string) bool {
	return verdict == "fail" || verdict == "error" || verdict == "warn"
}

// results lists what the reports say is wrong, and counts what they say holds.
// Kyverno names a report by the uid of its resource; when it changes from one
// report group to the other, the old reports stay behind. So of two with one
// name, the fresher one speaks; and what two reports say in the same words is
// counted once.
func results(reports []*report) ([]audit.KyvernoResult, []audit.KyvernoPasses) {
	slices.SortFunc(reports, func(a, b *report) int {
		return cmp.Or(b.fresh.Compare(a.fresh), cmp.Compare(a.group, b.group),
			cmp.Compare(a.kind, b.kind), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	})
	type place struct{ namespace, name string }
	spoken := map[place]string{} // by the reports of which group
	said := map[audit.KyvernoResult]bool{}
	held := passes{}
	var out []audit.KyvernoResult
	for _, r := range reports {
		at := place{r.namespace, r.name}
		if g, ok := spoken[at]; ok && g != r.group {
			continue
		}
		spoken[at] = r.group
		held.add(r)
		for _, k := range r.failures {
			words := k
			words.Timestamp, words.Report = time.Time{}, audit.Ref{}
			if !said[words] {
				said[words] = true
				out = append(out, k)
			}
		}
	}
	slices.SortFunc(out, compareResults)
	return out, held.list()
}

func compareResults(a, b audit.KyvernoResult) int {
	return cmp.Or(compareRefs(a.Resource, b.Resource), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Result, b.Result), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Severity, b.Severity),
		cmp.Compare(a.Message, b.Message))
}

// passes are what many reports say holds, by namespace.
type passes map[string]map[unique.Handle[passKey]]*pass

func (ps passes) add(r *report) {
	if ps[r.namespace] == nil {
		ps[r.namespace] = map[unique.Handle[passKey]]*pass{}
	}
	for _, p := range r.passes {
		one := ps[r.namespace][p.of]
		if one == nil {
			one = &pass{of: p.of}
			ps[r.namespace][p.of] = one
		}
		one.add(p.count, p.newest)
	}
}

func (ps passes) list() []audit.KyvernoPasses {
	var out []audit.KyvernoPasses
	for namespace, of := range ps {
		for key, p := range of {
			k := key.Value()
			one := audit.KyvernoPasses{Namespace: namespace, Policy: k.policy, Rule: k.rule, Source: k.source, Count: int(p.count)}
			if p.newest != 0 {
				one.Newest = time.Unix(p.newest, 0).UTC()
			}
			out = append(out, one)
		}
	}
	slices.SortFunc(out, func(a, b audit.KyvernoPasses) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Policy, b.Policy),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Source, b.Source))
	})
	return out
}

// failure is a result that something is wrong with.
func (p *policyReport) failure(kind string, x *result) audit.KyvernoResult {
	k := audit.KyvernoResult{
		Policy: intern(x.Policy), Rule: intern(x.Rule), Source: intern(cmp.Or(x.Source, p.Source)), Result: intern(x.Result),
		Severity: intern(x.Severity), Message: intern(cut(x.Message)), Timestamp: time.Time(x.Timestamp),
		Report: audit.Ref{Kind: kind, Namespace: p.Namespace, Name: p.Name},
	}
	if len(x.Resources) > 0 {
		k.Resource = audit.Ref(x.Resources[0])
	} else if p.Scope != nil {
		k.Resource = audit.Ref(*p.Scope)
	}
	return k
}

func cut(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "") + "…"
}
