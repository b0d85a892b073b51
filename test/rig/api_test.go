package rig_test

import (
	"testing"

	"github.com/segproof/segproof/test/rig"
)

func TestWhatIsStoredOutlivesAServerThatIsKilled(t *testing.T) {
	rig.Require(t, rig.Kube)
	api := rig.StartAPI(t)
	api.Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: payments}\n")
	api.Server.Kill()
	api.Server.Start(t)
	api.ETCD.Kill()
	api.ETCD.Start(t)
	if api.Get(t, "namespaces", "", "payments") == nil {
		t.Error("the namespace is gone")
	}
}
