package flows

import (
	"cmp"
	"maps"
	"slices"

	"github.com/segproof/segproof/audit"
)

// An outcome is what a conversation has besides its ends and port. There are
// few different ones, and each is kept once.
type outcome struct {
	outcomeKey
	sum uint64
}

type outcomeKey struct {
	protocol  audit.Protocol
	event     audit.Event
	direction audit.Direction
	verdict   audit.Verdict
	reason    string
	match     uint32
	named     *naming
}

// naming is who a verdict names.
type naming struct {
	policies []audit.NamedPolicy
	allowed  []string
	sum      uint64
}

// outcomes finds outcomes.
type outcomes struct {
	by      map[outcomeKey]*outcome
	namings map[string]*naming
	key     []byte // of the last naming, reused
	nobody  *naming
	max     int
}

func newOutcomes(most int) *outcomes {
	return &outcomes{by: map[outcomeKey]*outcome{}, namings: map[string]*naming{}, nobody: &naming{}, max: most}
}

// of returns the outcome of a flow that counts as event e, or nil if there is
// no room. What says nothing about an event is left out.
func (os *outcomes) of(r *record, e audit.Event) *outcome {
	k := outcomeKey{protocol: r.protocol, event: e, verdict: r.verdict, named: os.nobody}
	switch e {
	case audit.PolicyVerdict:
		k.direction, k.match = r.direction, r.match
		if k.named = os.naming(r.policies, r.allowed); k.named == nil {
			return nil
		}
	case audit.Drop, audit.L7:
		k.direction = r.direction
	}
	if r.verdict == audit.Dropped {
		k.reason = r.reason
	}
	return os.take(k)
}

func (os *outcomes) take(k outcomeKey) *outcome {
	if o := os.by[k]; o != nil {
		return o
	}
	if len(os.by) >= os.max {
		return nil
	}
	h := emptySum.text(string(k.protocol)).text(string(k.event)).text(string(k.direction)).
		text(string(k.verdict)).text(k.reason).number(uint64(k.match)).number(k.named.sum)
	o := &outcome{k, h.mixed()}
	os.by[k] = o
	return o
}

// naming returns who is named, in any order, or nil if there is no room. It may
// reorder its arguments.
func (os *outcomes) naming(policies []audit.NamedPolicy, allowed []string) *naming {
	if len(policies)+len(allowed) == 0 {
		return os.nobody
	}
	if !slices.IsSortedFunc(policies, compareNamed) {
		slices.SortFunc(policies, compareNamed)
	}
	if !slices.IsSorted(allowed) {
		slices.Sort(allowed)
	}
	os.key = os.key[:0]
	for _, p := range policies {
		for _, s := range []string{p.Kind, p.Namespace, p.Name, p.UID} {
			os.key = append(append(os.key, s...), 0)
		}
	}
	os.key = append(os.key, 1)
	for _, a := range allowed {
		os.key = append(append(os.key, a...), 0)
	}
	if n := os.namings[string(os.key)]; n != nil {
		return n
	}
	if len(os.namings) >= os.max {
		return nil
	}
	n := &naming{
		policies: slices.Compact(slices.Clone(policies)),
		allowed:  slices.Compact(slices.Clone(allowed)),
		sum:      emptySum.text(string(os.key)).mixed(),
	}
	os.namings[string(os.key)] = n
	return n
}

// sweep forgets all outcomes but those that are used.
func (os *outcomes) sweep(used map[*outcome]bool) {
	named := map[*naming]bool{}
	for k, o := range os.by {
		if !used[o] {
			delete(os.by, k)
			continue
		}
		named[o.named] = true
	}
	maps.DeleteFunc(os.namings, func(_ string, n *naming) bool { return !named[n] })
}

func compareNamed(a, b audit.NamedPolicy) int {
	return cmp.Or(a.Ref.Compare(b.Ref), cmp.Compare(a.UID, b.UID))
}

// rank orders what is kept where there is no room for all: what proves nothing
// goes first, before it what came to a port that clients take.
func (o *outcome) rank(port uint16) uint64 {
	switch {
	case o.event == audit.Seen:
		return 2
	case port >= ephemeral:
		return 1
	}
	return 0
}
