// Package audit holds the nouns of Segproof and the run itself.
//
// An auditor gathers what the cluster declares and what the network carried
// into one frozen [Snapshot]. It checks the snapshot against a list of rules;
// this is pure and gives the same answer every time. It reports the outcome to
// every listener.
//
//	cluster/            flows/             what is declared      what was carried
//	    │                 │
//	    └────► Snapshot ◄─┘                frozen
//	              │
//	              ▼  Check               pure: no clock, no network, no log
//	            Report
//	              │
//	              ▼
//	         reporters/                    text · json · sarif · slack
//
// One-shot, daemon and offline are the same run with different neighbours.
//
// # Design
//
// Everything points at this package; it imports nothing else of ours. The
// interfaces are declared here, where they are used: [Cluster], [Network],
// [Engine], [Reporter].
//
// What counts as proof is decided in one place, [Judge]: each end of a
// conversation is held against the declared policy only by an event which that
// end emitted, or which could not exist had that end refused. Rules read the
// outcome; none of them reasons about flows on its own.
//
// [Report] is the record: plain data, written by [Encode], read by [Decode].
// Any reporter can render a stored report without an audit.
package audit
