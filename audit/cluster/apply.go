package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Reports writes reports of openreports.io into a cluster, and nothing else. It
// needs the rights to list, create, patch and delete those of its kinds. It is
// never used unless the configuration asks for it.
type Reports struct {
	Config  *rest.Config
	Timeout time.Duration // for all objects of a report; two minutes if zero

	once   sync.Once
	client dynamic.Interface
	failed error
}

// These mark the reports that we wrote: no other is ever deleted.
const (
	manager   = "segproof"
	managedBy = "app.kubernetes.io/managed-by"
)

// applicable are the kinds that may be written.
func applicable() []Kind {
	return slices.DeleteFunc(Kinds(), func(k Kind) bool { return k.Group != "openreports.io" })
}

// A written names an object that is written.
type written struct{ kind, namespace, name string }

// Apply creates and updates the objects (server-side, as the field manager
// segproof), and deletes reports of ours that are not among them. One that is
// refused keeps none of the others back; then nothing is deleted, since the list
// is not in force.
func (a *Reports) Apply(ctx context.Context, objects []map[string]any) error {
	a.once.Do(func() { a.client, a.failed = a.connect() })
	if a.failed != nil {
		return fmt.Errorf("connect to the API server: %w", a.failed)
	}
	timeout := a.Timeout
	if timeout == 0 {
		timeout = 2 * time.Minute
	}
	ctx, cancel := context.WithTimeout(quietly(ctx), timeout)
	defer cancel()
	stays := map[written]bool{}
	var errs refusals
	for _, o := range objects {
		u := unstructured.Unstructured{Object: o}
		w := written{u.GetKind(), u.GetNamespace(), u.GetName()}
		stays[w] = true
		errs.add(a.apply(ctx, w, &u))
	}
	if len(errs.some) > 0 {
		return errs.join()
	}
	for _, k := range applicable() {
		errs.add(a.sweep(ctx, k, stays))
	}
	return errs.join()
}

func (a *Reports) connect() (dynamic.Interface, error) {
	cfg := rest.CopyConfig(a.Config)
	cfg.UserAgent = "segproof"
	cfg.QPS, cfg.Burst = 20, 40
	cfg.WarningHandler = rest.NoWarnings{}
	return dynamic.NewForConfig(cfg)
}

func (a *Reports) apply(ctx context.Context, w written, u *unstructured.Unstructured) error {
	k, ok := kindOf("openreports.io", w.kind)
	if !ok || u.GetAPIVersion() != "openreports.io/"+k.Versions[0] || k.Namespaced != (w.namespace != "") || u.GetLabels()[managedBy] != manager {
		return fmt.Errorf("apply %s %s/%s: not a report of ours", w.kind, w.namespace, w.name)
	}
	data, err := json.Marshal(u.Object)
	if err != nil {
		return fmt.Errorf("apply %s %s/%s: %w", w.kind, w.namespace, w.name, err)
	}
	force := true // nobody else has a say in our reports
	_, err = a.at(k, w.namespace).Patch(ctx, w.name, types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: manager, Force: &force})
	if err != nil {
		return fmt.Errorf("apply %s %s/%s: %w%s", w.kind, w.namespace, w.name, err, applyHint(err))
	}
	return nil
}

func applyHint(err error) string {
	switch {
	case apierrors.IsForbidden(err):
		return "\ngrant list, create, patch and delete of reports and clusterreports in openreports.io, or turn openreports off"
	case apierrors.IsNotFound(err):
		return "\nis openreports.io installed, and is the namespace there?"
	}
	return ""
}

// sweep deletes those of a kind that are ours and not in the list.
func (a *Reports) sweep(ctx context.Context, k Kind, stays map[written]bool) error {
	opts := metav1.ListOptions{LabelSelector: managedBy + "=" + manager, Limit: 500}
	var errs refusals
	for {
		l, err := a.at(k, "").List(ctx, opts)
		if err != nil {
			return fmt.Errorf("list our %s: %w%s", k.Resource, err, applyHint(err))
		}
		for i := range l.Items {
			o := &l.Items[i]
			if o.GetLabels()[managedBy] != manager || stays[written{k.Kind, o.GetNamespace(), o.GetName()}] {
				continue
			}
			uid := o.GetUID()
			err := a.at(k, o.GetNamespace()).Delete(ctx, o.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
			if err != nil && !apierrors.IsNotFound(err) {
				errs.add(fmt.Errorf("delete %s %s/%s: %w%s", k.Kind, o.GetNamespace(), o.GetName(), err, applyHint(err)))
			}
		}
		if opts.Continue = l.GetContinue(); opts.Continue == "" {
			return errs.join()
		}
	}
}

func (a *Reports) at(k Kind, namespace string) dynamic.ResourceInterface {
	r := a.client.Resource(schema.GroupVersionResource{Group: k.Group, Version: k.Versions[0], Resource: k.Resource})
	if namespace == "" {
		return r
	}
	return r.Namespace(namespace)
}

// maxRefusals is how many of them are told; a cluster has as many namespaces as
// it likes.
const maxRefusals = 3

// refusals are what went wrong, the first few and how many.
type refusals struct {
	some []error
	more int
}

func (r *refusals) add(err error) {
	switch {
	case err == nil:
	case len(r.some) < maxRefusals:
		r.some = append(r.some, err)
	default:
		r.more++
	}
}

func (r *refusals) join() error {
	if r.more > 0 {
		return errors.Join(append(slices.Clone(r.some), fmt.Errorf("and %d more were refused", r.more))...)
	}
	return errors.Join(r.some...)
}
