package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// Compact makes etcd forget all that is not the present, as the API server has
// it do every five minutes.
func (a *API) Compact(t testing.TB) {
	t.Helper()
	const anyKey = `{"key":"AA==","limit":"1","keys_only":true}`
	var now struct {
		Header struct{ Revision string }
	}
	if err := a.askStore(t.Context(), "range", anyKey, &now); err != nil {
		t.Fatal(err)
	}
	if err := a.askStore(t.Context(), "compaction", `{"physical":true,"revision":"`+now.Header.Revision+`"}`, nil); err != nil {
		t.Fatal(err)
	}
	t.Logf("etcd forgot what was before revision %s", now.Header.Revision)
}

func (a *API) askStore(ctx context.Context, what, body string, out any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.store+"/v3/kv/"+what, strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd says %s to %s", resp.Status, what)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// Revision is that of the present, as a list of a resource says it.
func (a *API) Revision(t testing.TB, resource string) string {
	t.Helper()
	list, err := a.Objects(t, resource, "").List(t.Context(), metav1.ListOptions{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	return list.GetResourceVersion()
}

// Expired fails the test unless a watch from that revision on is refused as
// expired.
func (a *API) Expired(t testing.TB, resource, revision string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	w, err := a.Objects(t, resource, "").Watch(ctx, metav1.ListOptions{ResourceVersion: revision})
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	e := <-w.ResultChan()
	if err := apierrors.FromObject(e.Object); e.Type != watch.Error || !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
		t.Fatalf("a watch from revision %s is not refused as expired: %s %v", revision, e.Type, err)
	}
}
