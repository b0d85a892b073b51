// Package flows tells what the network carried: it reads Hubble's flows, live
// or from files, and merges them into conversations.
//
// [Files] reads what `hubble observe -o jsonpb` prints and what Hubble's
// exporter writes. [Hubble] asks Relay or an agent. Both fit audit.Network.
//
// # Design
//
// Whatever a flow comes as is first made a record, a flat struct of ours. What
// a record proves is decided in one place (classify.go), and records are merged
// in one place (merger.go). A faster reader has only to fill the same struct.
//
// Merging is commutative. Flows of several nodes arrive in no order at all, so
// that nothing may depend on it: what a conversation keeps is always the
// smallest of something, never the first that came. The same holds where a cap
// is reached. What stays is chosen by a hash of what it is, so that another
// order, or another split between two mergers, folds the same flows.
//
// Memory is bounded whatever arrives, see [Options]. Nothing is lost silently:
// flows that are in no conversation are counted in Traffic.Folded, records that
// can't be read in Traffic.BadRecords.
package flows
