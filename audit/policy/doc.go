// Package policy decides what the declared network policies say of one end of
// a connection, as Cilium would: NetworkPolicy, CiliumNetworkPolicy and
// CiliumClusterwideNetworkPolicy, at layers 3 and 4. It reads declared objects
// and nothing else; it knows no flows, no clock and no network.
//
// [Compile] turns an inventory into an [Engine], which implements
// [audit.Engine]: Decide answers for one end of one connection and names the
// rules that took part, DefaultDeny says what isolates a whole namespace, and
// Partly lists the policies that are not wholly understood.
//
// # Design
//
// Policies are decoded from their raw form rather than into the types of an API
// client. Those types lose what decides: an empty list selects nobody where a
// missing one selects everybody, and a field of another version is dropped in
// silence. Here it is reported, and what it could change is undetermined.
//
// Every question is answered yes, no or maybe. A certain deny wins over
// everything; then a possible deny makes the answer undetermined; then a
// certain allow wins; then a possible one makes it undetermined; then it
// matters whether the end is isolated. So an answer is given only if nothing
// that is not understood could change it.
//
// A policy that Cilium rejects decides nothing at all. Settings that switch
// enforcement off (enable-policy: never, enable-k8s-networkpolicy: false) are
// not looked at: what is declared stands, and whether it is enforced is another
// question. Settings that change what a policy means are.
//
// Each policy is compiled once. For each set of identity labels and direction
// the rules that apply are gathered once, on first use; each answer is kept.
// Label sets and answers are kept up to a bound, beyond which they are worked
// out again every time.
package policy
