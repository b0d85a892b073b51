package rig

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"
)

func newMapper(d discovery.DiscoveryInterface) *restmapper.DeferredDiscoveryRESTMapper {
	return restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(d))
}

const manager = "rig"

// Apply makes the objects of some YAML be as they are written there, in order.
func (a *API) Apply(t testing.TB, documents string) {
	t.Helper()
	if err := a.TryApply(t.Context(), documents); err != nil {
		t.Fatal(err)
	}
}

// ApplyWithin tries for a while: webhooks of a server that has just started may
// still refuse everything.
func (a *API) ApplyWithin(t testing.TB, within time.Duration, documents string) {
	t.Helper()
	Until(t, within, "apply", func() error { return a.TryApply(t.Context(), documents) })
}

// TryApply applies the documents until one of them is refused.
func (a *API) TryApply(ctx context.Context, documents string) error {
	objects, err := decode(documents)
	if err != nil {
		return err
	}
	force := true
	for _, o := range objects {
		r, err := a.resource(o.GroupVersionKind(), o.GetNamespace())
		if err != nil {
			return err
		}
		data, err := json.Marshal(o)
		if err != nil {
			return err
		}
		_, err = r.Patch(ctx, o.GetName(), types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: manager, Force: &force})
		if err != nil {
			return fmt.Errorf("apply %s %s/%s: %w", o.GetKind(), o.GetNamespace(), o.GetName(), err)
		}
	}
	return nil
}

func decode(documents string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(documents)))
	for {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(doc, &o.Object); err != nil {
			return nil, fmt.Errorf("%w in:\n%s", err, doc)
		}
		if len(o.Object) > 0 {
			out = append(out, o)
		}
	}
}

// resource finds where objects of a kind live. What was installed a moment ago
// may not be known yet.
func (a *API) resource(gvk schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	m, err := a.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if meta.IsNoMatchError(err) {
		a.mapper.Reset()
		m, err = a.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	}
	if err != nil {
		return nil, err
	}
	if m.Scope.Name() == meta.RESTScopeNameNamespace {
		return a.dynamic.Resource(m.Resource).Namespace(namespace), nil
	}
	return a.dynamic.Resource(m.Resource), nil
}

// Objects are those of one resource, such as networkpolicies.networking.k8s.io,
// in a namespace; "" for all, or where there are none.
func (a *API) Objects(t testing.TB, resource, namespace string) dynamic.ResourceInterface {
	t.Helper()
	r, err := a.named(resource)
	if err != nil {
		t.Fatal(err)
	}
	if namespace == "" {
		return a.dynamic.Resource(r)
	}
	return a.dynamic.Resource(r).Namespace(namespace)
}

func (a *API) named(resource string) (schema.GroupVersionResource, error) {
	want := schema.ParseGroupResource(resource).WithVersion("")
	r, err := a.mapper.ResourceFor(want)
	if meta.IsNoMatchError(err) {
		a.mapper.Reset()
		r, err = a.mapper.ResourceFor(want)
	}
	return r, err
}

// Get is one object, nil if it does not exist.
func (a *API) Get(t testing.TB, resource, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	o, err := a.Objects(t, resource, namespace).Get(t.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Delete deletes one object.
func (a *API) Delete(t testing.TB, resource, namespace, name string) {
	t.Helper()
	if err := a.Objects(t, resource, namespace).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// SetStatus merges into the status of an object, in the place of the controller
// that does not run here.
func (a *API) SetStatus(t testing.TB, resource, namespace, name string, status map[string]any) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		t.Fatal(err)
	}
	r := a.Objects(t, resource, namespace)
	if _, err := r.Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: manager}, "status"); err != nil {
		t.Fatal(err)
	}
}

// Dump writes all objects of the resources as kubectl get -o yaml
// --show-managed-fields does.
func (a *API) Dump(t testing.TB, resources ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, r := range resources {
		list, err := a.Objects(t, r, "").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list.Items {
			data, err := yaml.Marshal(o.Object)
			if err != nil {
				t.Fatal(err)
			}
			out.WriteString("---\n")
			out.Write(data)
		}
	}
	return out.Bytes()
}
