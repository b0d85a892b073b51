package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/rules"
)

const longPolicy = `apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {kubernetes.io/metadata.name: shop}}
---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: long}
spec:
  validationFailureAction: Enforce
  rules:
  - name: check
    match: {any: [{resources: {kinds: [%s]}}]}
    validate: {message: m, pattern: {}}
---
apiVersion: kyverno.io/v2
kind: PolicyException
metadata: {name: long, namespace: shop}
spec:
  exceptions: [{policyName: long, ruleNames: [check]}]
  match: {any: [%s]}
`

// Who may write exceptions can't make an audit endless: what lists very much is
// not compared.
func TestAnExceptionThatListsVeryMuchIsUndecided(t *testing.T) {
	const wide = "{resources: {kinds: ['*']}}"
	var kinds []string
	for i := range 20_000 {
		kinds = append(kinds, fmt.Sprintf("Kind%d", i))
	}
	many := strings.Join(kinds, ", ")
	for name, c := range map[string]struct {
		kinds, filters  string
		fails, withheld int
	}{
		"little":        {"Pod", wide, 1, 0},
		"kinds of both": {many, "{resources: {kinds: [" + many + "]}}", 0, 1},
		"kinds":         {"Pod", "{resources: {kinds: [" + many + "]}}", 0, 1},
		"namespaces":    {"Pod", "{resources: {kinds: [Pod], namespaces: [" + many + "]}}", 0, 1},
		"filters":       {"Pod", strings.Repeat(wide+", ", 20_000) + wide, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshot(t, &txtar.Archive{Files: []txtar.File{{Name: "cluster.yaml", Data: fmt.Appendf(nil, longPolicy, c.kinds, c.filters)}}})
			r := audit.Check(s, engine(s), []*audit.Rule{rules.KyvernoAuditMode})
			if got := r.Coverage.Withheld[rules.KyvernoAuditMode.Name]; len(r.Findings) != c.fails || got != c.withheld {
				t.Errorf("%d findings, %d withheld; want %d and %d", len(r.Findings), got, c.fails, c.withheld)
			}
		})
	}
}
