package policy

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A labelFilter says which labels of a pod are part of its identity. The others
// never reach a selector (cilium pkg/labelsfilter/filter.go).
type labelFilter struct {
	rules     []labelRule
	inclusive bool // only what a rule includes is part of it

	mu   sync.Mutex
	seen map[string]bool // verdicts on keys; there are few keys and many pods
}

// labelRule includes or excludes the keys that its expression matches from
// their first character on.
type labelRule struct {
	exclude bool
	expr    *regexp.Regexp
}

// defaultRules are those of an agent that is told nothing.
var defaultRules = compileRules(
	`io\.kubernetes\.pod\.namespace`, `io\.cilium\.k8s\.namespace\.labels`, `app\.kubernetes\.io`,
	`io\.cilium\.k8s\.policy\.cluster`, `io\.cilium\.k8s\.policy\.serviceaccount`,
	`!io\.kubernetes`, `!kubernetes\.io`, `!statefulset\.kubernetes\.io/pod-name`, `!apps\.kubernetes\.io/pod-index`,
	`!batch\.kubernetes\.io/job-completion-index`, `!batch\.kubernetes\.io/controller-uid`, `!.*beta\.kubernetes\.io`,
	`!k8s\.io`, `!pod-template-generation`, `!pod-template-hash`, `!controller-revision-hash`, `!controller-uid`,
	`!annotation.*`, `!etcd_node`, `!topology\.kubernetes\.io`,
)

// compileRules reads expressions, of which a leading "!" excludes. One that is
// no expression is left out; the agent would not start with it.
func compileRules(exprs ...string) []labelRule {
	var out []labelRule
	for _, e := range exprs {
		body, exclude := strings.CutPrefix(e, "!")
		if re, err := regexp.Compile(body); err == nil && body != "" {
			out = append(out, labelRule{exclude, re})
		}
	}
	return out
}

// newLabelFilter is the default filter plus the rules of the agent's labels
// option, such as "k8s:app k8s:!internal".
func newLabelFilter(option string) *labelFilter {
	f := &labelFilter{rules: slices.Clip(defaultRules), seen: map[string]bool{}}
	for _, w := range words(option) {
		source, expr, ok := strings.Cut(w, ":")
		if !ok {
			source, expr = "", w
		}
		f.inclusive = f.inclusive || !strings.HasPrefix(expr, "!")
		// Only Kubernetes labels are held against the rules.
		if source == "" || source == "k8s" {
			f.rules = append(f.rules, compileRules(expr)...)
		}
	}
	return f
}

// keeps tells whether a Kubernetes label with this key is part of the identity:
// of the rules that match, the longest inclusion must be longer than the
// shortest exclusion.
func (f *labelFilter) keeps(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept, ok := f.seen[key]
	if !ok {
		kept = f.decide(key)
		if len(f.seen) < 1<<16 {
			f.seen[key] = kept
		}
	}
	return kept
}

func (f *labelFilter) decide(key string) bool {
	included, excluded := 0, 0
	for _, r := range f.rules {
		at := r.expr.FindStringIndex(key)
		switch {
		case at == nil || at[0] != 0:
		case !r.exclude:
			included = max(included, at[1])
		case excluded == 0 || at[1] < excluded:
			excluded = at[1]
		}
	}
	return !f.inclusive && excluded == 0 || included > excluded
}
