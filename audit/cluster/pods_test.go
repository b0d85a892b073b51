package cluster

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/segproof/segproof/audit"
)

// A cluster has fifty thousand pods: of their annotations only those are kept
// that nobody else could bear.
func TestOnlyAPodThatNothingOwnsKeepsItsAnnotationsAboutExceptions(t *testing.T) {
	notes := map[string]string{
		audit.AnnotationIgnore: "flow-drop-gap", audit.AnnotationReason: "a probe", audit.AnnotationExpires: "2026-12-31",
		"kubectl.kubernetes.io/last-applied-configuration": "{}", "segproof.dev/public": "true",
	}
	kept := map[string]string{audit.AnnotationIgnore: "flow-drop-gap", audit.AnnotationReason: "a probe", audit.AnnotationExpires: "2026-12-31"}
	owned := func(kind string) []metav1.OwnerReference {
		yes := true
		return []metav1.OwnerReference{{Kind: kind, Name: "x", Controller: &yes}}
	}
	for name, c := range map[string]struct {
		owners []metav1.OwnerReference
		notes  map[string]string
		want   map[string]string
	}{
		"bare":                      {nil, notes, kept},
		"static, of its node":       {owned("Node"), notes, kept},
		"of a ReplicaSet":           {owned("ReplicaSet"), notes, nil},
		"that accepts nothing":      {nil, map[string]string{audit.AnnotationReason: "why"}, nil},
		"without annotations":       {nil, nil, nil},
		"with a text without end":   {nil, map[string]string{audit.AnnotationIgnore: strings.Repeat("x", 1<<20)}, map[string]string{audit.AnnotationIgnore: strings.Repeat("x", longestNote)}},
		"cut inside of a character": {nil, map[string]string{audit.AnnotationIgnore: strings.Repeat("é", longestNote) + "é"}, map[string]string{audit.AnnotationIgnore: strings.Repeat("é", longestNote/2)}},
	} {
		p := podOf(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "p", OwnerReferences: c.owners, Annotations: c.notes}}, audit.Source{})
		if d := cmp.Diff(c.want, p.Annotations); d != "" {
			t.Errorf("a pod %s (-want +got):\n%s", name, d)
		}
	}
}

func TestAManifestOfABarePodTellsItsExceptions(t *testing.T) {
	inv := inventory(t, `
{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: a, annotations: {segproof.dev/ignore: SEG401, segproof.dev/ignore-reason: known, other: 7}}}
`)
	want := map[string]string{"segproof.dev/ignore": "SEG401", "segproof.dev/ignore-reason": "known"}
	if len(inv.Pods) != 1 {
		t.Fatal(inv.Problems)
	}
	if d := cmp.Diff(want, inv.Pods[0].Annotations); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
