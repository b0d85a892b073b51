package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// quote shows a value in an error, unless it looks like a secret.
func quote(s string) string {
	if secret.MatchString(s) {
		return "(not shown: it looks like a secret)"
	}
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "…"
	}
	return strconv.Quote(s)
}

// describe says what a value is, for an error that expected another type.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	}
	what := map[string]string{"!!str": "the text", "!!int": "the number", "!!float": "the number", "!!bool": "the truth value", "!!timestamp": "the date"}
	return strings.TrimSpace(fmt.Sprintf("%s %s", or(what[n.ShortTag()], "the value"), quote(n.Value)))
}

func keys(known fields) string {
	return strings.Join(slices.Sorted(maps.Keys(known)), ", ")
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// nearest is the known key that s was probably meant to be; "" if none is near.
func nearest(s string, known []string) (best string) {
	least := max(2, len(s)/3) + 1
	if len(s) > 40 {
		return ""
	}
	for _, k := range known {
		n := distance(strings.ToLower(s), strings.ToLower(k))
		if len(s) >= 4 && strings.HasPrefix(strings.ToLower(k), strings.ToLower(s)) {
			n = 1
		}
		if n < least {
			best, least = k, n
		}
	}
	return best
}

// distance counts the insertions, deletions and changes from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
