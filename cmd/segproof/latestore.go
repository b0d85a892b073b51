package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/store"
)

// A lateStore is a store that may not be there yet: whoever needs it opens it. It
// is the audit.Keeper of a collector, who writes, and need not know what others
// wrote.
type lateStore struct {
	open func(context.Context) (*store.Store, error)

	mu    sync.Mutex
	store *store.Store
	err   error // of the last attempt
}

func (l *lateStore) get(ctx context.Context) (*store.Store, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.store == nil {
		l.store, l.err = l.open(ctx)
	}
	return l.store, l.err
}

var errNotOpened = errors.New("not connected yet")

// ready is why the store was not reached so far; nil if it was.
func (l *lateStore) ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.store != nil:
		return nil
	case l.err != nil:
		return l.err
	}
	return fmt.Errorf("open store: %w", errNotOpened)
}

func (l *lateStore) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.store != nil {
		_ = l.store.Close() // what was acknowledged is stored
	}
}

// Keep is that of audit.Keeper.
func (l *lateStore) Keep(ctx context.Context, b audit.Batch) error {
	s, err := l.get(ctx)
	if err != nil {
		return err
	}
	return s.Keep(ctx, b)
}

// Kept is nothing: an auditor reads what all wrote.
func (l *lateStore) Kept(context.Context, time.Time) (*audit.Traffic, error) {
	return &audit.Traffic{}, nil
}

// Resume is that of audit.Keeper.
func (l *lateStore) Resume(ctx context.Context) (map[string]time.Time, error) {
	s, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	return s.Resume(ctx)
}

// announced are the changes of what is declared since a time.
func (l *lateStore) announced(ctx context.Context, since time.Time) ([]audit.Cut, error) {
	s, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	return s.Announced(ctx, since)
}
