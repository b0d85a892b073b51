package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/segproof/segproof/audit"
	"github.com/segproof/segproof/audit/policy"
)

// Outcome is what a change does to a connection.
type Outcome string

// Outcomes, the worst first.
const (
	Breaks    Outcome = "breaks"    // allowed before, denied after
	Unsure    Outcome = "unsure"    // before or after can't be told
	Opens     Outcome = "opens"     // denied before, allowed after
	Unchanged Outcome = "unchanged" // the same answer before and after
)

// A Preview is what a change would do to the connections that were observed.
type Preview struct {
	Window
	Changes []Changed         `json:"changes"`
	Effects []Effect          `json:"effects"`           // the worst first, fully ordered
	Counts  map[Outcome]int   `json:"counts"`            // kinds of connection
	Skipped map[string]uint64 `json:"skipped,omitempty"` // why → flows that were not decided
	Notes   []string          `json:"notes,omitempty"`   // policies not wholly understood after the change
}

// Changed is an object and what happens to it.
type Changed struct {
	audit.Ref
	How string `json:"how"`
}

// An Effect is what becomes of one kind of connection: the same workloads,
// protocol and port, and the same reasons before and after. Subject is the end
// whose decision changes, or else decides.
type Effect struct {
	Outcome   Outcome         `json:"outcome"`
	Subject   audit.Ref       `json:"subject"`
	Peer      audit.Ref       `json:"peer"`
	Direction audit.Direction `json:"direction"`
	Protocol  audit.Protocol  `json:"protocol"`
	Port      uint16          `json:"port"`
	Egress    Shift           `json:"egress"`
	Ingress   Shift           `json:"ingress"`
	Why       string          `json:"why,omitempty"` // of unsure
	Observed  Observed        `json:"observed"`
	Addresses []string        `json:"addresses,omitempty"` // some of those outside

	egress, ingress Observed
}

// A Shift is what one end decides before and after.
type Shift struct {
	Before Side `json:"before"`
	After  Side `json:"after"`
}

// verdicts are those of both ends together.
func (e *Effect) verdicts() (before, after audit.Answer) {
	return both(e.Egress.Before.Verdict, e.Ingress.Before.Verdict), both(e.Egress.After.Verdict, e.Ingress.After.Verdict)
}

// NewPreview decides every observed connection before and after a change. It
// reads what is given and changes nothing of it.
func NewPreview(before *audit.Inventory, c *Change, t *audit.Traffic, o policy.Options) (*Preview, error) {
	changed, err := c.Apply(before)
	if err != nil {
		return nil, err
	}
	x := New(changed, o)
	p := &previewer{
		before: policy.Compile(before, o), after: x.engine, places: x.places, cluster: cmp.Or(before.Settings["cluster-name"], before.Cluster),
		outlook: newOutlook(before, c, x.engine.PodPeer), changed: c.names(before), groups: map[string]*Effect{},
		out: &Preview{Effects: []Effect{}, Counts: map[Outcome]int{}, Skipped: map[string]uint64{}, Window: *windowOf(t),
			Notes: append(c.ignored(), x.Notes()...)},
	}
	for i := range t.Conversations {
		p.see(&t.Conversations[i])
	}
	p.finish()
	return p.out, nil
}

// decides ranks an end by how much the outcome is its doing.
func (s *Shift) decides() int {
	switch {
	case s.Before.Verdict != s.After.Verdict:
		return 3
	case s.After.Verdict == audit.Deny:
		return 2
	case s.After.Verdict == audit.Undetermined:
		return 1
	}
	return 0
}

// maxAddresses is how many addresses outside an effect names.
const maxAddresses = 5

// group adds the conversation to those of its kind.
func (p *previewer) group(e *Effect, c *audit.Conversation) {
	k := fmt.Sprint(e.Outcome, e.Direction, e.Subject, e.Peer, e.Protocol, e.Port) + e.Egress.key() + e.Ingress.key()
	g := p.groups[k]
	if g == nil {
		g = e
		p.groups[k] = g
	}
	g.egress.add(c, audit.Egress)
	g.ingress.add(c, audit.Ingress)
	for _, end := range []*audit.Peer{&c.From, &c.To} {
		if s := end.IP.String(); end.IP.IsValid() && end.IsWorld() && !slices.Contains(g.Addresses, s) {
			g.Addresses = append(g.Addresses, s)
			slices.Sort(g.Addresses)
			g.Addresses = g.Addresses[:min(maxAddresses, len(g.Addresses))]
		}
	}
}

// key is all that a shift says, as text.
func (s *Shift) key() string {
	var k strings.Builder
	for _, side := range []*Side{&s.Before, &s.After} {
		k.WriteString(fmt.Sprint("\x00", side.Reason, side.L7, side.Why))
		for _, r := range side.Policies {
			k.WriteString(r.Kind + r.Namespace + r.Name + r.Rule + "\x01")
		}
	}
	return k.String()
}

// finish orders what was found. A connection that was dropped at one end never
// came to the other; one that was forwarded was seen at both.
func (p *previewer) finish() {
	for _, k := range slices.Sorted(maps.Keys(p.groups)) {
		e := p.groups[k]
		e.Observed = e.egress
		e.Observed.Forwarded = max(e.egress.Forwarded, e.ingress.Forwarded)
		e.Observed.Dropped += e.ingress.Dropped
		e.Observed.Audited = max(e.egress.Audited, e.ingress.Audited)
		e.Observed.Reasons = tidy(slices.Concat(e.egress.Reasons, e.ingress.Reasons))
		e.Observed.window(&e.ingress)
		for _, s := range []*Side{&e.Egress.Before, &e.Egress.After, &e.Ingress.Before, &e.Ingress.After} {
			s.Policies = locate(s.Policies)
		}
		p.out.Counts[e.Outcome]++
		p.out.Effects = append(p.out.Effects, *e)
	}
	slices.SortStableFunc(p.out.Effects, compareEffects)
	for _, r := range slices.SortedFunc(maps.Keys(p.changed), audit.Ref.Compare) {
		p.out.Changes = append(p.out.Changes, Changed{r, p.changed[r]})
	}
}

// compareEffects puts the worst first; the rest of the order is that of names.
// Effects that are alike in all of this are in the order of their reasons.
func compareEffects(a, b Effect) int {
	rank := func(e *Effect) int { return slices.Index([]Outcome{Breaks, Unsure, Opens, Unchanged}, e.Outcome) }
	return cmp.Or(cmp.Compare(rank(&a), rank(&b)), a.Subject.Compare(b.Subject), cmp.Compare(a.Direction, b.Direction),
		a.Peer.Compare(b.Peer), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
}
