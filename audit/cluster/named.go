package cluster

import (
	"context"
	"fmt"
	"maps"

	"github.com/segproof/segproof/audit"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// named is one of the two ConfigMaps that are read by name. To watch them would
// need rights on all.
type named struct {
	settings map[string]string // of Cilium; nil if not seen
	cluster  string
	object   *audit.Object // that of Kyverno
	trouble  *audit.Unreadable
}

// readNamed reads the objects that are known by name, and tells whether one
// changed. What was read before stays if it can't be read now.
func (f *Follower) readNamed(ctx context.Context, c *clients, what *served) (changed bool) {
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	for _, ref := range Named() {
		if ref == kyvernoConfig && !what.group("kyverno.io") && !what.group("policies.kyverno.io") {
			continue
		}
		n, err := readConfigMap(ctx, c, ref)
		f.mu.Lock()
		was := f.named[ref]
		if was == nil {
			was = &named{}
		}
		if err != nil {
			kept := *was
			n = &kept
			kind := "configmaps/" + ref.Name
			n.trouble = &audit.Unreadable{Kind: kind, Reason: fmt.Sprintf("%s; check: kubectl auth can-i get %s -n %s", short(err), kind, ref.Namespace)}
		}
		if !maps.Equal(was.settings, n.settings) || !sameObject(was.object, n.object) {
			changed = true
			delete(f.built, partKyverno)
		}
		f.named[ref] = n
		f.mu.Unlock()
	}
	return changed
}

func sameObject(a, b *audit.Object) bool {
	return a == nil && b == nil || a != nil && b != nil && same(a, b)
}

// readConfigMap reads one; there may be none.
func readConfigMap(ctx context.Context, c *clients, ref audit.Ref) (*named, error) {
	m, err := c.typed.CoreV1().ConfigMaps(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return &named{}, nil
	}
	if err != nil {
		return nil, err
	}
	m.APIVersion, m.Kind = "v1", ref.Kind
	u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(m)
	if err != nil {
		return nil, err
	}
	into := newCollector()
	if err := into.settings(u, audit.Source{}); err != nil {
		return nil, err
	}
	n := &named{settings: into.inv.Settings, cluster: into.inv.Cluster}
	if len(into.inv.Kyverno) > 0 {
		n.object = into.inv.Kyverno[0]
	}
	return n, nil
}
