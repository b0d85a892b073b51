package cluster

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/segproof/segproof/audit"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// Live reads what is declared from an API server. Secrets are never read.
//
// A kind that may not be listed, or that does not come in time, is unreadable;
// the others are read all the same.
type Live struct {
	Config  *rest.Config
	Name    string        // what to call the cluster if Cilium's settings don't name it
	Timeout time.Duration // for each kind; 60 seconds if zero
	Log     *slog.Logger  // may be nil
}

// clients are the ways to ask an API server.
type clients struct {
	typed   kubernetes.Interface
	dynamic dynamic.Interface
}

// Inventory reads everything once. It fails if the API server can't be reached,
// or allows nothing.
func (l *Live) Inventory(ctx context.Context) (*audit.Inventory, error) {
	c, err := l.connect()
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	return l.read(ctx, c)
}

func (l *Live) connect() (*clients, error) {
	cfg := rest.CopyConfig(l.Config)
	cfg.UserAgent = "segproof"
	cfg.QPS, cfg.Burst = 50, 100
	cfg.WarningHandler = rest.NoWarnings{} // old versions are read only where no newer one is served
	d, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	cfg.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	t, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	return &clients{t, d}, nil
}

// read follows the informers until each has its kind, or can't get it.
func (l *Live) read(ctx context.Context, c *clients) (*audit.Inventory, error) {
	began := time.Now()
	// client-go logs what is reported here as unreadable.
	ctx, cancel := context.WithCancel(klog.NewContext(ctx, logr.Discard()))
	defer cancel()

	what, err := discover(ctx, c.typed.Discovery())
	if err != nil {
		return nil, l.unreachable(ctx, err)
	}
	into := newCollector()
	into.inv.Cluster = l.Name
	streams := l.streams(c, what, &into.inv)

	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for _, s := range streams {
		running.Go(func() { s.informer.RunWithContext(ctx) })
	}
	l.named(ctx, c, what, into)

	deadline, stop := context.WithTimeout(ctx, l.timeout())
	defer stop()
	var refused error
	read := 0
	for _, s := range streams {
		if err := s.wait(deadline); err != nil {
			refused = err
			into.inv.Unreadable = append(into.inv.Unreadable, audit.Unreadable{Kind: s.kind.String(), Reason: s.reason(err, l.timeout())})
			continue
		}
		read++
		s.collect(into)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("read the API server: %w", err)
	}
	if read == 0 {
		return nil, l.unreachable(ctx, refused)
	}
	l.log().Debug("cluster read", "kinds", read, "unreadable", len(into.inv.Unreadable), "took", time.Since(began))
	return into.finish(time.Now()), nil
}

func (l *Live) timeout() time.Duration { return cmp.Or(l.Timeout, time.Minute) }

func (l *Live) log() *slog.Logger { return cmp.Or(l.Log, slog.New(slog.DiscardHandler)) }

// named reads the objects that are known by name.
func (l *Live) named(ctx context.Context, c *clients, what *served, into *collector) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout())
	defer cancel()
	for _, ref := range Named() {
		if ref == kyvernoConfig && !what.group("kyverno.io") && !what.group("policies.kyverno.io") {
			continue
		}
		m, err := c.typed.CoreV1().ConfigMaps(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if err == nil {
			m.APIVersion, m.Kind = "v1", ref.Kind
			var u map[string]any
			if u, err = runtime.DefaultUnstructuredConverter.ToUnstructured(m); err == nil {
				err = into.settings(u, audit.Source{})
			}
		}
		if err != nil && !apierrors.IsNotFound(err) {
			kind := "configmaps/" + ref.Name
			reason := fmt.Sprintf("%s; check: kubectl auth can-i get %s -n %s", short(err), kind, ref.Namespace)
			into.inv.Unreadable = append(into.inv.Unreadable, audit.Unreadable{Kind: kind, Reason: reason})
		}
	}
}
