// Package policy decides what the declared network policies say of one end of
// a connection, as Cilium would, and of a request made over it: NetworkPolicy,
// CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy, ClusterNetworkPolicy and
// its predecessors AdminNetworkPolicy and BaselineAdminNetworkPolicy. It reads
// declared objects and nothing else; it knows no flows, no clock and no network.
//
// [Compile] turns an inventory into an [Engine], which implements
// [audit.Engine]: Decide answers for one end of one connection and names the
// rules that took part, DefaultDeny says what isolates a whole namespace, and
// Partly lists the policies that are not wholly understood. Consider tells what
// each rule made of a question; With follows an inventory that changes.
//
// # Design
//
// Policies are decoded from their raw form rather than into the types of an API
// client. Those types lose what decides: an empty list selects nobody where a
// missing one selects everybody, and a field of another version is dropped in
// silence. Here it is reported, and what it could change is undetermined.
//
// Every question is answered yes, no or maybe. Rules are asked in order: the
// admin tier, then all namespaced policies and Cilium's own at one level, then
// the baseline tier. At each level a certain denial decides, or else a certain
// allowance, or a pass leaves out the rest of the tier; every way that a
// possible one opens is followed too. If no rule decides it matters whether the
// end is isolated. An answer is given only if all ways lead to it. Where
// nothing allows and it is not known whether a rule denies, the default does:
// the decision says so, and why a rule may deny too.
//
// Between ends that are known, policies that are wholly understood leave no
// question open but those that Cilium may answer in more than one way.
//
// A request, or the server name of a TLS connection, is asked about with the same rules, of which those for the proxy
// then match only what they let pass; a proxy that finds none of them goes on
// to what is less urgent, as Envoy does. The DNS proxy knows one level only, and
// of it only what names the very port.
//
// A policy that Cilium rejects, or whose kind it does not serve, decides nothing
// at all. Settings that switch enforcement off (enable-policy: never,
// enable-k8s-networkpolicy: false) are not looked at: what is declared stands,
// and whether it is enforced is another question. Settings that change what a
// policy means are.
//
// Each policy is compiled once. For each set of identity labels and direction
// the rules that apply are gathered once, on first use; each answer about a
// connection is kept. Label sets and answers are kept up to a bound, beyond
// which they are worked out again every time. What is kept outlives a change of
// policies that do not concern it.
package policy
