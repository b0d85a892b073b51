package explain

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
)

// A Change is what is previewed: objects that replace those of the same group,
// kind, namespace and name, or are added; and policies that are deleted.
type Change struct {
	Objects *audit.Inventory // nil if there are none
	Deleted []audit.Ref
}

// ParseRef reads Kind/namespace/name, or Kind/name for what has no namespace.
func ParseRef(s string) (audit.Ref, error) {
	switch parts := strings.Split(s, "/"); {
	case slices.Contains(parts, ""):
	case len(parts) == 2:
		return audit.Ref{Kind: parts[0], Name: parts[1]}, nil
	case len(parts) == 3:
		return audit.Ref{Kind: parts[0], Namespace: parts[1], Name: parts[2]}, nil
	}
	return audit.Ref{}, fmt.Errorf("%q names no object\nexpected Kind/namespace/name such as NetworkPolicy/payments/allow-web, or Kind/name", s)
}

// Apply is what would be declared after the change. What was declared before is
// left as it is. A changed document that can't be read is an error: a preview
// without it would promise what it can't know.
func (c *Change) Apply(before *audit.Inventory) (*audit.Inventory, error) {
	after := *before
	if o := c.Objects; o != nil {
		if len(o.Problems) > 0 {
			return nil, unread(o.Problems)
		}
		after.Namespaces = overlay(before.Namespaces, o.Namespaces, func(n *audit.Namespace) string { return n.Name })
		after.Pods = overlay(before.Pods, o.Pods, func(p *audit.Pod) name { return name{p.Namespace, p.Name} })
		after.Workloads = overlay(before.Workloads, o.Workloads, func(w *audit.Workload) audit.Ref { return w.Ref })
		after.Services = overlay(before.Services, o.Services, func(s *audit.Service) name { return name{s.Namespace, s.Name} })
		after.Nodes = overlay(before.Nodes, o.Nodes, func(n *audit.Node) string { return n.Name })
		after.Policies = overlay(before.Policies, o.Policies, func(p **audit.Object) grouped { return groupedRef(*p) })
		if o.Settings != nil {
			after.Settings = o.Settings
		}
	}
	after.Policies = slices.Clone(after.Policies)
	for _, ref := range c.Deleted {
		n := len(after.Policies)
		after.Policies = slices.DeleteFunc(after.Policies, func(p *audit.Object) bool { return p.Ref == ref })
		if len(after.Policies) == n {
			return nil, undeletable(ref, before.Policies)
		}
	}
	return &after, nil
}

// names say what changes and how: for people, and to know of which policies a
// proxy may judge requests otherwise.
func (c *Change) names(before *audit.Inventory) map[audit.Ref]string {
	had := map[audit.Ref]bool{}
	for _, p := range before.Policies {
		had[p.Ref] = true
	}
	for _, n := range before.Namespaces {
		had[audit.Ref{Kind: "Namespace", Name: n.Name}] = true
	}
	for _, w := range before.Workloads {
		had[w.Ref] = true
	}
	out := map[audit.Ref]string{}
	add := func(r audit.Ref, s audit.Source) {
		out[r] = "added"
		if had[r] {
			out[r] = "changed"
		}
		if s.File != "" {
			out[r] += fmt.Sprintf(", %s:%d", s.File, s.Line)
		}
	}
	if o := c.Objects; o != nil {
		for _, p := range o.Policies {
			add(p.Ref, p.Source)
		}
		for _, n := range o.Namespaces {
			add(audit.Ref{Kind: "Namespace", Name: n.Name}, n.Source)
		}
		for _, w := range o.Workloads {
			add(w.Ref, w.Source)
		}
		if o.Settings != nil {
			add(audit.Ref{Kind: "ConfigMap", Namespace: "kube-system", Name: "cilium-config"}, audit.Source{})
		}
	}
	for _, r := range c.Deleted {
		out[r] = "deleted"
	}
	return out
}

// ignored notes the objects of the change that no decision depends on.
func (c *Change) ignored() []string {
	var out []string
	if c.Objects != nil {
		for _, kind := range slices.Sorted(maps.Keys(c.Objects.Ignored)) {
			out = append(out, fmt.Sprintf("no decision depends on kind %s, of which the change has %d", kind, c.Objects.Ignored[kind]))
		}
	}
	return out
}

// grouped tells objects apart that only their API group does.
type grouped struct {
	audit.Ref
	group string
}

func groupedRef(o *audit.Object) grouped {
	group, _, _ := strings.Cut(o.APIVersion, "/")
	return grouped{o.Ref, group}
}

// overlay puts each new one in the place of the old one with the same key, and
// the others behind.
func overlay[T any, K comparable](old, changed []T, key func(*T) K) []T {
	if len(changed) == 0 {
		return old
	}
	out := slices.Clone(old)
	at := make(map[K]int, len(out))
	for i := range out {
		at[key(&out[i])] = i
	}
	for i := range changed {
		if n, ok := at[key(&changed[i])]; ok {
			out[n] = changed[i]
		} else {
			out = append(out, changed[i])
		}
	}
	return out
}

func unread(ps []audit.Problem) error {
	var s []string
	for _, p := range ps[:min(5, len(ps))] {
		s = append(s, p.String())
	}
	return fmt.Errorf("read the change: %s\na preview needs all of it", strings.Join(s, "\n"))
}

func undeletable(ref audit.Ref, policies []*audit.Object) error {
	var near []string
	for _, p := range policies {
		if p.Namespace == ref.Namespace {
			near = append(near, p.Kind+"/"+strings.TrimPrefix(p.Namespace+"/"+p.Name, "/"))
		}
	}
	slices.Sort(near)
	hint := "only network policies can be deleted in a preview"
	if len(near) > 0 {
		hint += "; there are " + strings.Join(near[:min(5, len(near))], ", ")
	}
	return errors.New("delete " + ref.String() + ": no such policy is declared\n" + hint)
}
