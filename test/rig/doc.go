// Package rig builds, starts and ends the real servers that Segproof is tested
// against: etcd and kube-apiserver, Kyverno's controllers, Hubble's observer and
// Relay, and Cilium's agent with its eBPF datapath.
//
// Everything is built from the Go module proxy (test/tools pins what), once:
//
//	rig.Require(t, rig.Kube)
//	api := rig.StartAPI(t)
//	api.Apply(t, manifests)
//
// What a test starts ends with it: processes are ended in t.Cleanup, by the
// kernel if the test binary dies, and Cilium's datapath lives in namespaces that
// go with their last process.
//
// # Design
//
// Servers listen on 127.0.0.1 only, on ports that were free a moment before.
// Cilium runs in network and mount namespaces of its own; the API server that
// it follows and the Relay before it are carried across by connections that the
// test itself holds, so that a test talks to 127.0.0.1 in every tier.
//
// A part that can't run here is a failure, not a skip: see Require.
package rig
