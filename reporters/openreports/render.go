package openreports

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// maxResults is how many an object holds. A result is of a few thousand bytes
// at most, and etcd takes a million and a half.
const maxResults = 250

// render makes the objects, those of the cluster first and then by namespace.
// There always is one of the cluster: it says what was not seen.
func render(r *audit.Report) []document {
	at := when(r)
	by := map[string][]result{"": unseen(r, at)}
	fs := slices.Clone(r.Findings)
	audit.SortFindings(fs)
	for i := range fs {
		f := &fs[i]
		by[home(f)] = append(by[home(f)], resultOf(f, r.Rules, at))
	}
	var out []document
	for _, ns := range slices.Sorted(maps.Keys(by)) {
		part := 0
		for results := range slices.Chunk(by[ns], maxResults) {
			part++
			out = append(out, newDocument(ns, part, results))
		}
		if part == 0 {
			out = append(out, newDocument(ns, 1, []result{}))
		}
	}
	return out
}

func newDocument(ns string, part int, results []result) document {
	d := document{
		APIVersion: apiVersion, Kind: "ClusterReport", Source: Source, Results: results,
		Metadata: metadata{Name: Source, Namespace: ns, Labels: map[string]string{managedBy: Source}},
	}
	if part > 1 {
		d.Metadata.Name = fmt.Sprintf("%s-%d", Source, part)
	}
	if ns != "" {
		d.Kind = "Report"
		d.Scope = &object{APIVersion: "v1", Kind: "Namespace", Name: ns}
	}
	for _, x := range results {
		d.Summary.add(x.Result)
	}
	return d
}

var label = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// home is the namespace whose report a finding is in; "" for the cluster's. Flows
// and files may name a namespace that can't be one.
func home(f *audit.Finding) string {
	ns := f.Subject.Namespace
	if f.Subject.Kind == "Namespace" {
		ns = f.Subject.Name
	}
	if !label.MatchString(ns) {
		return ""
	}
	return ns
}

func when(r *audit.Report) *timestamp {
	if r.Run.Ended.IsZero() {
		return nil
	}
	return &timestamp{r.Run.Ended.Unix(), int32(r.Run.Ended.Nanosecond())}
}

// maxText bounds each text of a result; what was cut ends in an ellipsis, and
// is whole in the record.
const maxText = 1024

// text is fit for a person to read.
func text(s string) string {
	s = audit.Clean(s)
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

func resultOf(f *audit.Finding, rules []audit.RuleInfo, at *timestamp) result {
	category, _, _ := strings.Cut(f.Rule, "-")
	x := result{
		Source: Source, Policy: text(f.Rule), Rule: text(f.ID), Category: text(category), Severity: severity(f.Severity),
		Message: text(f.Message), Resources: []object{objectOf(f.Subject)}, Timestamp: at,
	}
	x.Result = verdict(f)
	x.Scored = x.Result == fail || x.Result == pass
	x.Properties = properties(f, rules)
	return x
}

func verdict(f *audit.Finding) string {
	switch {
	case f.Kind == audit.Passes:
		return pass
	case f.Suppressed != nil:
		return skip
	case f.Severity == audit.Info:
		return warn
	}
	return fail
}

// severity is one that the API server takes; others are left out.
func severity(s audit.Severity) string {
	if s.Rank() < 0 {
		return ""
	}
	return string(s)
}

func properties(f *audit.Finding, rules []audit.RuleInfo) map[string]string {
	p := map[string]string{}
	put := func(key, value string) {
		if value != "" {
			p[key] = text(value)
		}
	}
	put("fingerprint", f.Fingerprint)
	put("state", string(f.State))
	put("owner", f.Owner)
	put("direction", string(f.Direction))
	if f.Peer != nil {
		put("peer", f.Peer.String())
	}
	put("port", f.PortName())
	if f.Location.File != "" {
		put("location", fmt.Sprintf("%s:%d", f.Location.File, max(1, f.Location.Line)))
	}
	if f.Suppressed != nil {
		put("accepted", f.Suppressed.Reason)
	}
	if f.Kind == audit.Passes {
		return p
	}
	fix := f.Fix
	if i := slices.IndexFunc(rules, func(i audit.RuleInfo) bool { return i.ID == f.ID }); fix == "" && i >= 0 {
		fix = rules[i].Fix
	}
	put("fix", fix)
	return p
}

// objectOf names a subject by the group and version that it is usually found
// under; a kind that is not known has none.
func objectOf(r audit.Ref) object {
	return object{APIVersion: groupOf(r.Kind), Kind: text(r.Kind), Namespace: text(r.Namespace), Name: text(r.Name)}
}

func groupOf(kind string) string {
	switch kind {
	case "Namespace", "Pod", "Service", "Node", "ReplicationController":
		return "v1"
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
		return "apps/v1"
	case "Job", "CronJob":
		return "batch/v1"
	case "NetworkPolicy":
		return "networking.k8s.io/v1"
	case "CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy":
		return "cilium.io/v2"
	case "ClusterPolicy", "Policy":
		return "kyverno.io/v1"
	}
	return ""
}
