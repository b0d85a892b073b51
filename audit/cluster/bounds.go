package cluster

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/segproof/segproof/audit"
)

// Bounds on what is told of bad and foreign input; the rest is counted.
const (
	maxProblems = 1000
	maxIgnored  = 200 // kinds
	otherKinds  = "other kinds"
)

// ignore counts an object that says nothing about segmentation. The kind alone
// is the key, unless there is one of that name that is read.
func (r *reading) ignore(group, kind string) {
	r.read++
	if slices.ContainsFunc(kinds, func(k Kind) bool { return k.Kind == kind }) && group != "" {
		kind += "." + group
	}
	r.inv.Ignored[kind[:min(len(kind), maxName)]]++
}

// bound orders the problems and keeps the first of them; of the ignored kinds it
// keeps the most frequent.
func bound(i *audit.Inventory) {
	slices.SortFunc(i.Problems, func(a, b audit.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Document, b.Document),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Err, b.Err))
	})
	if n := len(i.Problems) - maxProblems; n > 0 {
		i.Problems = append(i.Problems[:maxProblems], audit.Problem{Err: fmt.Sprintf("%d more problems; mend those above first", n)})
	}
	if len(i.Ignored) <= maxIgnored {
		return
	}
	names := slices.SortedFunc(maps.Keys(i.Ignored), func(a, b string) int {
		return cmp.Or(cmp.Compare(i.Ignored[b], i.Ignored[a]), cmp.Compare(a, b))
	})
	for _, name := range names[maxIgnored:] {
		i.Ignored[otherKinds] += i.Ignored[name]
		delete(i.Ignored, name)
	}
}
