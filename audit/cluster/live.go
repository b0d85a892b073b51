package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/segproof/segproof/audit"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Live reads what is declared from an API server once. Secrets are never read.
//
// A kind that may not be listed, or that does not come in time, is unreadable;
// the others are read all the same.
type Live struct {
	Config  *rest.Config
	Name    string        // what to call the cluster if Cilium's settings don't name it
	Timeout time.Duration // for each kind; 60 seconds if zero
	Log     *slog.Logger  // may be nil
}

// Inventory reads everything once. It fails if the API server can't be reached,
// or allows nothing.
func (l *Live) Inventory(ctx context.Context) (*audit.Inventory, error) {
	f := l.follower()
	c, err := f.connect()
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	return f.once(ctx, c)
}

func (l *Live) follower() *Follower {
	return Follow(Options{Config: l.Config, Name: l.Name, Timeout: l.Timeout, Log: l.Log})
}

// once follows until each kind is read, or can't be.
func (f *Follower) once(ctx context.Context, c *clients) (*audit.Inventory, error) {
	ctx, cancel := context.WithCancel(quietly(ctx))
	defer f.running.Wait()
	defer cancel()
	if _, err := f.refresh(ctx, c); err != nil {
		return nil, f.unreachable(ctx, err)
	}
	f.settle(ctx)
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("read the API server: %w", err)
	}
	var refused error
	for _, s := range f.following() {
		if refused = s.trouble(); refused == nil {
			return f.snapshot(time.Now()), nil
		}
	}
	return nil, f.unreachable(ctx, refused)
}

// clients are the ways to ask an API server.
type clients struct {
	typed    kubernetes.Interface
	dynamic  dynamic.Interface
	contacts *contacts // nil if nobody listens to the answers
}

func (f *Follower) connect() (*clients, error) {
	cfg := rest.CopyConfig(f.Config)
	cfg.UserAgent = "segproof"
	cfg.QPS, cfg.Burst = 50, 200           // each kind is asked for up to three times at once, and then hardly ever
	cfg.WarningHandler = rest.NoWarnings{} // old versions are read only where no newer one is served
	heard := &contacts{lost: func(*contact) { f.again() }, paths: map[string]*contact{}}
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return &listener{heard, next} })
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
	return &clients{t, d, heard}, nil
}
