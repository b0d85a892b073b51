// Package oracle asks Cilium's own policy engine (v1.20.2, pkg/policy) what
// declared policies decide, without an agent, a cluster or a datapath.
//
// [Cilium] answers twice: [Cilium.Decide] looks a question up in the map state
// that the agent would load into the kernel, and [Cilium.Simulate] walks the
// rules one by one as Cilium's own fuzz tests do. They share the parser and
// nothing else.
//
// The tests of this package hold Segproof's engine against both with random
// clusters and policies, and against tables of expected answers.
//
// # Design
//
// Cilium's engine reads process-wide options, so there is one [Setting] a
// process: a test that wants several runs itself once for each.
//
// It is a test dependency of about a thousand packages, which is why it lives
// in a module of its own and never reaches users.
package oracle
