// Package flows tells what the network carried: it reads Hubble's flows, live
// or from files, and merges them into conversations.
//
// [Files] reads what `hubble observe -o jsonpb` prints and what Hubble's
// exporter writes. [Hubble] asks Relay or an agent once; [Follower] goes on
// following. All fit audit.Network.
//
// # Design
//
// Whatever a flow comes as is first made a record, a flat struct of ours: by the
// generated types from JSON (proto.go), or from the bytes on the wire (wire.go),
// which gRPC hands over as they are (codec.go). Nearly all of a flow are its two
// ends, and the same ends come again and again: an end is known by its bytes,
// so that a repeated one costs a look-up and no memory.
//
// What a record proves is decided in one place (classify.go). The register
// (register.go) then replaces everything that has a name by a pointer to where
// it is kept once, which leaves a mark; and a book (book.go) counts marks in
// conversations.
//
// Counting is commutative. Flows of several nodes arrive in no order at all, so
// that nothing may depend on it: what a conversation keeps is always the
// smallest of something, never the first that came. The same holds where a cap
// is reached. What stays is chosen by a hash of what it is, so that another
// order, or another split between two readers, folds the same flows.
//
// Memory is bounded whatever arrives, see [Options]. Nothing is lost silently:
// flows that are in no conversation are counted in Traffic.Folded, records that
// can't be read in Traffic.BadRecords.
//
// # Following
//
//	stream ──► queue ──► ledger ──► held back ──► book ──► keeper
//	  ▲ again     │ full: the stream     │ a minute  │
//	  └───────────┘ waits, the server    └─────┬─────┘
//	                counts what it loses       ▼ a copy, when asked
//	                                        Traffic
//
// A change of policy becomes known seconds after the first flows under it. So
// a flow is held back, as a mark in a slot of five seconds, until it is older
// than [Follower.HoldBack]; only then is it counted for good, in the interval
// between the cuts that are known by then. Whoever asks meanwhile gets the
// flows held back counted by the cuts he brings. News that comes later still
// does not divide what was counted: such a conversation spans the change, which
// its times tell.
//
// A stream that breaks is asked again from a little before the last flow on;
// what comes twice is recognised. If the server still has the last flow that a
// node had sent, it comes again. If it does not, the ring has gone around: that
// time is a gap, as is the time in which Relay did not reach a node.
//
// The keeper is given conversations whole, and what it is given replaces what
// it had of the same writer. So an end keeps, for the keeper, the name that it
// was first kept by, though its workload may become known later. Flows held
// back are not kept yet, and the coverage that is kept does not speak of them:
// a process that dies is followed by one that asks for them again.
//
// # Collecting
//
// A collector is a [Follower] of one node's Hubble that knows nothing of the
// cluster. It is told of cuts ([Follower.Cuts]), and where nobody tells, a grid
// ([Follower.Grid]) divides conversations, so that a change spoils little. [Stored]
// reads what all collectors kept: what no cut divides is drawn together again, and
// mere pods get their workloads, so that it is as if one process had seen it all.
package flows
