package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// A Lease lets one of several replicas lead: the one that holds the Kubernetes
// Lease of that name. It needs the rights to get, create and update it.
type Lease struct {
	Config          *rest.Config
	Namespace, Name string
	Identity        string // of this replica, such as the pod's name
	Log             *slog.Logger

	leads atomic.Bool
}

// How long a holder that fell silent keeps the lease, by when it gives up if it
// can't renew it, and how often everybody tries: the field's usual values.
const (
	leaseLasts = 15 * time.Second
	renewUntil = 10 * time.Second
	tryEvery   = 2 * time.Second
)

// Leads tells whether this replica holds the lease now.
func (l *Lease) Leads() bool { return l.leads.Load() }

// Run calls lead whenever this replica holds the lease, with a context that
// ends when it does not any more, until ctx ends. It does not let go of the
// lease before lead has returned, so that two never lead at once.
func (l *Lease) Run(ctx context.Context, lead func(context.Context) error) error {
	client, err := kubernetes.NewForConfig(l.Config)
	if err != nil {
		return fmt.Errorf("lease %s/%s: %w", l.Namespace, l.Name, err)
	}
	ctx = klog.NewContext(ctx, logr.Discard()) // what it logs is told of here
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: l.Namespace, Name: l.Name},
		Client:     client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: l.Identity},
	}
	for ctx.Err() == nil {
		if err := l.once(ctx, lock, lead); err != nil {
			return err
		}
	}
	return nil
}

// once waits for the lease, leads while it is held, and returns when it is lost.
func (l *Lease) once(ctx context.Context, lock resourcelock.Interface, lead func(context.Context) error) error {
	ended := make(chan error, 1)
	began := make(chan struct{})
	holding, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: leaseLasts, RenewDeadline: renewUntil, RetryPeriod: tryEvery, ReleaseOnCancel: true, Name: l.Name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(held context.Context) {
				close(began)
				l.leads.Store(true)
				l.Log.Info("leading", "lease", l.Namespace+"/"+l.Name)
				within, stop := context.WithCancel(held)
				defer stop()
				defer context.AfterFunc(ctx, stop)()
				ended <- lead(within)
				release()
			},
			OnStoppedLeading: func() {
				if l.leads.Swap(false) {
					l.Log.Info("not leading any more", "lease", l.Namespace+"/"+l.Name)
				}
			},
		},
	})
	if err != nil {
		return fmt.Errorf("lease %s/%s: %w", l.Namespace, l.Name, err)
	}
	// While nobody leads there is nothing to wait for when ctx ends.
	defer context.AfterFunc(ctx, func() {
		select {
		case <-began:
		default:
			release()
		}
	})()
	elector.Run(holding)
	select {
	case <-began:
		return <-ended
	default:
		return nil
	}
}

// OwnNamespace is that of the pod we run in; "" outside of a cluster.
func OwnNamespace() string {
	b, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
