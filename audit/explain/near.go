package explain

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/segproof/segproof/audit"
)

// distance is the number of letters to insert, remove or change between two
// short words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := last
			if a[i] != b[j] {
				change++
			}
			last = row[j+1]
			row[j+1] = min(change, row[j]+1, last+1)
		}
	}
	return row[len(b)]
}

// directory is every name of a pod or workload, in order. It finds names that
// begin alike by bisection: a file may ask for many that don't exist.
type directory struct {
	namespaces []string
	in         map[string][]string // by namespace
	homes      map[string][]string // by name
}

func newDirectory(inv *audit.Inventory) *directory {
	d := &directory{in: map[string][]string{}, homes: map[string][]string{}}
	add := func(ns, name string) {
		d.in[ns] = append(d.in[ns], name)
		d.homes[name] = append(d.homes[name], ns)
	}
	for i := range inv.Pods {
		add(inv.Pods[i].Namespace, inv.Pods[i].Name)
		if o := &inv.Pods[i].Owner; o.Name != "" {
			add(inv.Pods[i].Namespace, o.Name)
		}
	}
	for i := range inv.Workloads {
		add(inv.Workloads[i].Namespace, inv.Workloads[i].Name)
	}
	for i := range inv.Namespaces {
		d.namespaces = append(d.namespaces, inv.Namespaces[i].Name)
	}
	for ns, names := range d.in {
		d.in[ns] = tidy(names)
		d.namespaces = append(d.namespaces, ns)
	}
	for name, homes := range d.homes {
		d.homes[name] = tidy(homes)
	}
	d.namespaces = tidy(d.namespaces)
	return d
}

func tidy(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// missing says that there is no such pod, and what comes near it.
func (d *directory) missing(ns, name string) error {
	hint := "see kubectl -n " + ns + " get pods"
	if near := alike(d.in[ns], name); len(near) > 0 {
		for i := range near {
			near[i] = ns + "/" + near[i]
		}
		hint = "near it: " + strings.Join(near, ", ")
	}
	if homes := d.homes[name]; len(homes) > 0 {
		hint = "there is one in " + strings.Join(homes[:min(3, len(homes))], ", ")
	}
	if _, ok := slices.BinarySearch(d.namespaces, ns); !ok {
		if near := alike(d.namespaces, ns); len(near) > 0 {
			hint = "there is no namespace " + ns + " either; near it: " + strings.Join(near, ", ")
		}
	}
	return fmt.Errorf("no pod or workload %s/%s is declared\n%s", ns, name, hint)
}

// alike are the names that begin most like name.
func alike(names []string, name string) []string {
	const window, least = 4, 3
	at := sort.SearchStrings(names, name)
	near := slices.Clone(names[max(0, at-window):min(len(names), at+window)])
	near = slices.DeleteFunc(near, func(n string) bool { return common(n, name) < least })
	slices.SortStableFunc(near, func(a, b string) int {
		return cmp.Or(cmp.Compare(common(b, name), common(a, name)), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	return near[:min(3, len(near))]
}

// common is the length of the common beginning.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
