package deploy

import (
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// decode reads YAML strictly: a key that is there twice is an error.
func decode(t *testing.T, documents string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for doc := range strings.SplitSeq("\n"+documents, "\n---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict([]byte(doc), &o.Object); err != nil {
			t.Fatalf("%v in:\n%s", err, doc)
		}
		if len(o.Object) > 0 {
			out = append(out, o)
		}
	}
	return out
}

// A template is what pods are made of, with the workload that makes them.
type template struct {
	owner string // kind/name
	pod   corev1.PodTemplateSpec
}

// templates are those of all workloads.
func templates(t *testing.T, objects []*unstructured.Unstructured) []template {
	t.Helper()
	paths := map[string][]string{
		"Deployment": {"spec", "template"}, "DaemonSet": {"spec", "template"}, "CronJob": {"spec", "jobTemplate", "spec", "template"},
	}
	var out []template
	for _, o := range objects {
		path, ok := paths[o.GetKind()]
		if !ok {
			continue
		}
		m, found, err := unstructured.NestedMap(o.Object, path...)
		if err != nil || !found {
			t.Fatalf("%s %s has no template: %v", o.GetKind(), o.GetName(), err)
		}
		x := template{owner: o.GetKind() + "/" + o.GetName()}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(m, &x.pod, true); err != nil {
			t.Fatalf("%s: %v", x.owner, err)
		}
		x.pod.Namespace = o.GetNamespace()
		out = append(out, x)
	}
	return out
}

// pod is a pod as the template's controller would make it.
func pod(t *testing.T, x template, n int) string {
	t.Helper()
	p := corev1.Pod{ObjectMeta: x.pod.ObjectMeta, Spec: x.pod.Spec}
	p.APIVersion, p.Kind = "v1", "Pod"
	p.Name = "pod-" + strconv.Itoa(n)
	out, err := yaml.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
