package flows

import (
	"cmp"
	"slices"

	"github.com/segproof/segproof/audit"
)

func compareSamples(a, b audit.Sample) int {
	return cmp.Or(
		a.Time.Compare(b.Time), cmp.Compare(a.UUID, b.UUID), cmp.Compare(a.Node, b.Node),
		cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Address, b.Address),
		cmp.Compare(a.Summary, b.Summary), slices.Compare(a.Names, b.Names),
	)
}

func compareRelabelled(a, b audit.Relabelled) int {
	return cmp.Or(
		a.At.Compare(b.At), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod),
		slices.Compare(a.Labels, b.Labels),
	)
}

// compareConversations orders by who talks to whom and about what. No two
// conversations are equal: those between two cuts differ in their times.
func compareConversations(a, b audit.Conversation) int {
	if c := comparePeers(&a.From, &b.From); c != 0 {
		return c
	}
	if c := comparePeers(&a.To, &b.To); c != 0 {
		return c
	}
	if c := cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Event, b.Event)); c != 0 {
		return c
	}
	return cmp.Or(
		cmp.Compare(a.Direction, b.Direction),
		cmp.Compare(a.Verdict, b.Verdict), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Match, b.Match),
		a.First.Compare(b.First),
		slices.CompareFunc(a.Policies, b.Policies, compareNamed), slices.Compare(a.Allowed, b.Allowed),
	)
}

// comparePeers compares labels last: there are many, and they rarely decide.
func comparePeers(a, b *audit.Peer) int {
	if c := cmp.Compare(a.Namespace, b.Namespace); c != 0 {
		return c
	}
	if c := a.Workload.Compare(b.Workload); c != 0 {
		return c
	}
	if c := a.IP.Compare(b.IP); c != 0 {
		return c
	}
	return slices.Compare(a.Labels, b.Labels)
}
