// Package store keeps conversations, what was seen of the network, and what
// each reporter was last told: in an SQLite file, or, shared by many, in
// PostgreSQL. [Store] is an [audit.Keeper] and an [audit.Memory].
//
// # Design
//
// One schema and one set of statements serve both databases (schema.go, and
// the test suite that both must pass); they differ in how a transaction is run
// and in how a day is dropped (sqlite.go, postgres.go).
//
// A row is what one writer knows of one conversation: the key is (day, writer,
// identity). A writer replaces its own rows, so that the same batch twice
// changes nothing, and a batch whose outcome is not known (the connection broke
// during the commit) is simply sent again. Readers merge over writers.
//
// The day is that of the last flow, in UTC. A conversation that goes on past
// midnight is moved: the new row and the removal of the old one are one
// transaction, so that it is counted once. So every day that is older than what
// is asked for can be left unread, and every day that is older than what is
// kept can be dropped whole, without loss of anything that still goes on.
//
// Coverage is kept by writer and day, each row with the counts since the writer
// began. What was lost last week is subtracted from what is read of this week.
//
// Whoever follows what is declared announces its changes here, and whoever follows
// flows for this store divides conversations there (cuts.go).
//
// Bodies are binary (encode.go), and label sets are stored once and referred to
// by their hash. No text from the cluster is ever part of a statement, and none
// must be valid in the database's character set.
//
// SQLite runs with synchronous=FULL: a batch that was acknowledged survives not
// only a crash of the process but one of the machine. It is one fsync for each
// batch, every few seconds: nothing is gained by NORMAL.
package store
