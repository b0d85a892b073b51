package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// An edge is all judged ends that make one finding: the same subject, peer,
// direction, protocol and port, whatever the pods and addresses.
type edge struct {
	edgeKey
	ends        []*audit.Judged
	opens       []uint64 // hashes of connections, some of them twice
	first, last time.Time
}

type edgeKey struct {
	subject, peer audit.Ref
	end           audit.Direction
	proto         audit.Protocol
	port          uint16
}

// edges folds the judged ends that keep accepts, in a fixed order.
func edges(p *audit.Pass, keep func(*audit.Judged) bool) []*edge {
	found := map[edgeKey]*edge{}
	for i := range p.Judgement.Ends {
		v := &p.Judgement.Ends[i]
		if !keep(v) {
			continue
		}
		k := edgeKey{v.Subject().Ref(), v.Other().Ref(), v.End, v.Protocol, v.Port}
		e := found[k]
		if e == nil {
			e = &edge{edgeKey: k}
			found[k] = e
		}
		e.add(v)
	}
	out := slices.Collect(maps.Values(found))
	slices.SortFunc(out, func(a, b *edge) int {
		return cmp.Or(a.subject.Compare(b.subject), cmp.Compare(a.end, b.end), a.peer.Compare(b.peer),
			cmp.Compare(a.proto, b.proto), cmp.Compare(a.port, b.port))
	})
	return out
}

func (e *edge) add(v *audit.Judged) {
	e.ends = append(e.ends, v)
	for _, o := range v.Counted {
		e.opens = append(e.opens, o.Hash)
	}
	if !v.First.IsZero() && (e.first.IsZero() || v.First.Before(e.first)) {
		e.first = v.First
	}
	if v.Last.After(e.last) {
		e.last = v.Last
	}
}

// connections counts those that are told apart.
func (e *edge) connections() int {
	slices.Sort(e.opens)
	e.opens = slices.Compact(e.opens)
	return len(e.opens)
}

// outcome accepts the judged ends of these outcomes.
func outcome(want ...audit.Outcome) func(*audit.Judged) bool {
	return func(v *audit.Judged) bool { return slices.Contains(want, v.Outcome) }
}

// finding is what all findings about an edge have in common.
func (e *edge) finding() audit.Finding {
	port, peer := e.port, e.peer
	return audit.Finding{
		Subject: e.subject, Peer: &peer, Direction: e.end, Protocol: e.proto, Port: &port,
		Policies: e.policies(), Evidence: e.evidence(),
	}
}

// policies are all that took part in the decisions, in order.
func (e *edge) policies() []audit.PolicyRef {
	var out []audit.PolicyRef
	for _, v := range e.ends {
		out = append(out, v.Decision.Policies...)
	}
	slices.SortFunc(out, func(a, b audit.PolicyRef) int {
		return cmp.Or(a.Ref.Compare(b.Ref), cmp.Compare(a.Rule, b.Rule))
	})
	return slices.CompactFunc(out, func(a, b audit.PolicyRef) bool { return a.Ref == b.Ref && a.Rule == b.Rule })
}

// evidence has one entry for each kind of event. A packet that is refused
// makes two events; connections are counted once.
func (e *edge) evidence() []audit.Evidence {
	type kind struct {
		event   audit.Event
		verdict audit.Verdict
		reason  string
	}
	by := map[kind]*audit.Evidence{}
	opens := map[kind][]uint64{}
	for _, v := range e.ends {
		k := kind{v.Event, v.Verdict, v.Reason}
		if by[k] == nil {
			by[k] = &audit.Evidence{What: eventText(v)}
		}
		for _, o := range v.Counted {
			opens[k] = append(opens[k], o.Hash)
		}
		merge(by[k], v)
	}
	out := []audit.Evidence{}
	for k, ev := range by {
		if k.event == audit.Drop && by[kind{audit.PolicyVerdict, k.verdict, k.reason}] != nil {
			continue // the same packets once more
		}
		slices.Sort(opens[k])
		ev.Connections = uint64(len(slices.Compact(opens[k])))
		out = append(out, *ev)
	}
	slices.SortFunc(out, func(a, b audit.Evidence) int { return cmp.Compare(a.What, b.What) })
	return out
}

func merge(ev *audit.Evidence, v *audit.Judged) {
	ev.Flows += v.Flows
	if !v.First.IsZero() && (ev.First.IsZero() || v.First.Before(ev.First)) {
		ev.First = v.First
	}
	if v.Last.After(ev.Last) {
		ev.Last = v.Last
	}
	ev.Nodes = append(ev.Nodes, v.Nodes...)
	slices.Sort(ev.Nodes)
	ev.Nodes = slices.Compact(ev.Nodes)
	ev.Samples = append(ev.Samples, v.Samples...)
	slices.SortFunc(ev.Samples, func(a, b audit.Sample) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.UUID, b.UUID), cmp.Compare(a.Address, b.Address))
	})
	ev.Samples = ev.Samples[:min(len(ev.Samples), audit.MaxSamples)]
}

func eventText(v *audit.Judged) string {
	switch v.Event {
	case audit.PolicyVerdict:
		if v.Reason != "" {
			return fmt.Sprintf("policy verdict %s %s at %s", v.Verdict, v.Reason, v.End)
		}
		return fmt.Sprintf("policy verdict %s at %s", v.Verdict, v.End)
	case audit.Drop:
		return fmt.Sprintf("drop %s at %s", v.Reason, v.End)
	case audit.Delivered:
		return "delivered to the destination"
	}
	return "left the source"
}

// names lists policies for a sentence: namespaces are said only where they
// differ from the subject's.
func names(subject audit.Ref, ps []audit.PolicyRef) string {
	var out []string
	for _, p := range ps {
		n := p.Name
		if p.Namespace != "" && p.Namespace != subject.Namespace {
			n = p.Namespace + "/" + n
		}
		out = append(out, n)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	const most = 4
	if len(out) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(out[:most], ", "), len(out)-most)
	}
	if len(out) > 1 {
		return strings.Join(out[:len(out)-1], ", ") + " and " + out[len(out)-1]
	}
	return strings.Join(out, "")
}

// verb is the form of a verb that goes with a list that names made.
func verb(who, one, many string) string {
	if strings.Contains(who, " and ") {
		return many
	}
	return one
}

// short is how a peer is called in a sentence about subject.
func short(subject, r audit.Ref) string {
	switch {
	case r.Kind == "Entity" && r.Name == "world":
		return "the world"
	case r.Kind == "Entity":
		return "the " + r.Name
	case r.Namespace != "" && r.Namespace != subject.Namespace:
		return r.Namespace + "/" + r.Name
	}
	return r.Name
}
