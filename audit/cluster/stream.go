package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/segproof/segproof/audit"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// A stream follows one kind until it was read whole.
type stream struct {
	kind     Kind
	version  string
	informer cache.SharedIndexInformer
	refusals chan error // holds the first that is final
	last     chan error // holds the latest of those that may pass
}

// streams makes one for each kind that is served.
func (l *Live) streams(c *clients, what *served, inv *audit.Inventory) []*stream {
	typed := informers.NewSharedInformerFactory(c.typed, 0)
	dynamic := dynamicinformer.NewDynamicSharedInformerFactory(c.dynamic, 0)
	var out []*stream
	for _, k := range kinds {
		version, why := what.version(k)
		if why != nil {
			inv.Unreadable = append(inv.Unreadable, *why)
			continue
		}
		gvr := schema.GroupVersionResource{Group: k.Group, Version: version, Resource: k.Resource}
		informer := dynamic.ForResource(gvr)
		if k.builtin() {
			var err error
			if informer, err = typed.ForResource(gvr); err != nil {
				inv.Unreadable = append(inv.Unreadable, audit.Unreadable{Kind: k.String(), Reason: err.Error()})
				continue
			}
		}
		out = append(out, newStream(k, version, informer.Informer()))
	}
	return out
}

func newStream(k Kind, version string, i cache.SharedIndexInformer) *stream {
	s := &stream{kind: k, version: version, informer: i, refusals: make(chan error, 1), last: make(chan error, 1)}
	// Both fail only once the informer runs.
	_ = i.SetTransform(trim)
	_ = i.SetWatchErrorHandlerWithContext(func(_ context.Context, r *cache.Reflector, err error) {
		if r.LastSyncResourceVersion() == "" { // else the list came, and only what follows is refused
			s.failed(err)
		}
	})
	return s
}

// failed notes why a list was not answered. An informer tries again for ever,
// which is right for a busy server and wrong for one that says no.
func (s *stream) failed(err error) {
	to := s.last
	if final(err) {
		to = s.refusals
	} else {
		select {
		case <-s.last:
		default:
		}
	}
	select {
	case to <- err:
	default:
	}
}

func final(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err) ||
		apierrors.IsMethodNotSupported(err) || apierrors.IsBadRequest(err) || apierrors.IsNotAcceptable(err)
}

var errTime = errors.New("not answered in time")

// wait returns nil once the kind was read whole.
func (s *stream) wait(ctx context.Context) error {
	synced := s.informer.HasSyncedChecker().Done()
	select {
	case <-synced:
		return nil
	case err := <-s.refusals:
		return err
	case <-ctx.Done():
	}
	select {
	case <-synced: // in time, though not waited for
		return nil
	case err := <-s.refusals:
		return err
	case err := <-s.last:
		return fmt.Errorf("%w: %w", errTime, err)
	default:
		return errTime
	}
}

// collect hands what was read to the collector. What it can't read is a problem.
func (s *stream) collect(c *collector) {
	for _, obj := range s.informer.GetStore().List() {
		if err := c.take(s.kind, s.version, obj); err != nil {
			key, _ := cache.MetaNamespaceKeyFunc(obj)
			c.inv.Problems = append(c.inv.Problems, audit.Problem{Err: fmt.Sprintf("%s %s: %v", s.kind.Kind, key, err)})
		}
	}
}

func (c *collector) take(k Kind, version string, obj any) error {
	switch o := obj.(type) {
	case *corev1.Namespace:
		c.namespace(o, audit.Source{})
	case *corev1.Pod:
		c.pod(o, audit.Source{})
	case *corev1.Service:
		c.service(o, audit.Source{})
	case *corev1.Node:
		c.node(o, audit.Source{})
	case *networkingv1.NetworkPolicy:
		typed := *o // informers leave apiVersion and kind empty
		typed.APIVersion, typed.Kind = schema.GroupVersion{Group: k.Group, Version: version}.String(), k.Kind
		u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&typed)
		if err != nil {
			return err
		}
		return c.add(k, u, audit.Source{})
	case *unstructured.Unstructured:
		return c.add(k, o.DeepCopy().Object, audit.Source{})
	default:
		kind, m, t := podTemplate(obj)
		if m == nil {
			return fmt.Errorf("not what was asked for: %T", obj)
		}
		c.workload(kind, m, t.Labels, &t.Spec, audit.Source{})
	}
	return nil
}
