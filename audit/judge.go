package audit

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Judgement is what the traffic proves of the declared policies.
type Judgement struct {
	Ends     []Judged
	Unjudged map[string]uint64 // why → flows that were held against nothing
	pairs    *pairs
}

// Outcome is what one end of one conversation proves.
type Outcome string

// Outcomes.
const (
	Contradicted Outcome = "contradicted" // declared denied, and carried
	AuditOnly    Outcome = "audit-only"   // would have been denied, and audit mode let it pass
	Refused      Outcome = "refused"      // denied by default, and dropped: as declared, but perhaps a gap
	Proven       Outcome = "proven"       // denied by a rule, and dropped: as intended
	Used         Outcome = "used"         // declared allowed, and carried
	Withheld     Outcome = "withheld"     // would contradict, but the evidence is not enough; Why says what lacks
)

// Judged is one end of one conversation, held against the declared policies.
type Judged struct {
	*Conversation
	End      Direction // which end: egress is its source, ingress its destination
	Decision Decision
	Outcome  Outcome
	Why      string // of Withheld
	// The connections that count: a lower bound by their hashes, and when the
	// first and the last of them were tried.
	Counted     []Open
	First, Last time.Time

	pair int32 // number of the conversation's ends and port
}

// Subject is the end that decides.
func (v *Judged) Subject() *Peer {
	if v.End == Egress {
		return &v.From
	}
	return &v.To
}

// Other is the end that does not decide.
func (v *Judged) Other() *Peer {
	if v.End == Egress {
		return &v.To
	}
	return &v.From
}

// Why flows were held against nothing. These are keys of Coverage.Unjudged.
const (
	whyUndetermined = "the declared policy could not be determined"
	whyTooEarly     = "before the policy or a label had settled, or on a connection opened before"
	whyUnlisted     = "a policy that is not declared took part, so another state was declared then"
	whyNamed        = "the verdict names a declared policy as allowing, so it may have been another then"
	whyEdited       = "when the policy was last changed is not known"
	whyLost         = "flows were lost at an end that does enforce"
	whyUnsure       = "a policy changed while it could not be watched, nobody knows when"
	whyIdentity     = "the other end's identity was not known yet"
	whyElsewhere    = "a pod of another cluster decides, by policies that are not ours"
	whyNotPolicy    = "dropped for a reason that is not policy"
	whyAllowed      = "dropped although allowed today, so another state was declared then"
)

// A judge holds what all conversations together say of each end, before any of
// them is judged.
type judge struct {
	*Snapshot
	past     *history
	inside   map[netip.Addr]bool // addresses of pods, nodes and Services
	sets     *LabelSets
	pair     int32 // of the conversation that is judged
	unlisted map[endKey][]span
	speaking map[endKey]span // ends that emit policy verdicts, and so enforce
	named    map[pairKey]bool
	audited  map[auditKey][]span
	changing map[string][]span // by bare labels: when a pod took or lost them
	local    string            // name of our own cluster, as identities say it
	out      *Judgement
}

// An endKey is one end's identity in one direction: what a policy selects.
type endKey struct {
	end    Direction
	labels int // number of the set
}

type pairKey struct {
	endKey
	other int // number of the set
	ip    netip.Addr
	proto Protocol
	port  uint16
	state int // of what is declared, as the end's namespace knew it
}

type auditKey struct {
	end      Direction
	workload Ref
}

// A span is an interval of time, both ends included.
type span struct{ from, to time.Time }

func (s span) has(t time.Time) bool { return !t.Before(s.from) && !t.After(s.to) }

func (s span) widen(d time.Duration) span { return span{s.from.Add(-d), s.to.Add(d)} }

// Judge holds every conversation against what is declared, each end only by an
// event that proves something of that end. It is pure.
func Judge(s *Snapshot, engine Engine) *Judgement {
	j := &judge{
		Snapshot: s, past: newHistory(s.Inventory, engine), inside: make(map[netip.Addr]bool, s.addresses()), sets: NewLabelSets(),
		unlisted: map[endKey][]span{}, speaking: map[endKey]span{}, named: map[pairKey]bool{},
		audited: map[auditKey][]span{}, changing: map[string][]span{}, local: s.local(), out: &Judgement{Unjudged: map[string]uint64{}},
	}
	for _, r := range s.Relabelled {
		around := span{r.At, r.At}.widen(s.Settle)
		for _, ls := range []Labels{r.Labels, r.Was} {
			j.changing[ls.Key()] = append(j.changing[ls.Key()], around)
		}
	}
	j.inhabit()
	for i := range s.Conversations {
		j.listen(&s.Conversations[i])
	}
	j.out.Ends = make([]Judged, 0, len(s.Conversations))
	j.out.pairs = s.pairs()
	for i := range s.Conversations {
		c := &s.Conversations[i]
		j.pair = j.out.pairs.of[i]
		for _, end := range c.Proves() {
			j.judge(c, end)
		}
	}
	return j.out
}

// addresses is about how many of them are declared.
func (s *Snapshot) addresses() int {
	if s.Inventory == nil {
		return 0
	}
	return len(s.Pods) + len(s.GonePods) + len(s.Inventory.Nodes) + len(s.Services)
}

func (j *judge) inhabit() {
	for _, pods := range [][]Pod{j.Pods, j.GonePods} {
		for i := range pods {
			for _, ip := range pods[i].IPs {
				j.inside[ip] = true
			}
		}
	}
	for _, n := range j.Inventory.Nodes {
		for _, ip := range n.IPs {
			j.inside[ip] = true
		}
	}
	for _, s := range j.Services {
		for _, ip := range s.IPs {
			j.inside[ip] = true
		}
	}
}

// Proves lists the ends of which a conversation proves something. A verdict or a
// drop speaks for the end that emitted it. What was delivered had passed both
// ends. What left a pod had passed its egress.
func (c *Conversation) Proves() []Direction {
	switch c.Event {
	case PolicyVerdict, Drop:
		if c.Direction == Egress || c.Direction == Ingress {
			return only(c.Direction)
		}
	case Delivered:
		return bothEnds
	case Left:
		return only(Egress)
	}
	return nil
}

// bothEnds is shared by all who ask, and never changed.
var bothEnds = []Direction{Egress, Ingress}

func only(d Direction) []Direction {
	if d == Egress {
		return bothEnds[:1:1]
	}
	return bothEnds[1:]
}

// listen notes what a policy verdict tells about its end beside the
// conversation itself: that the end enforces, that it only audits, and which
// policies took part.
func (j *judge) listen(c *Conversation) {
	if c.Event != PolicyVerdict {
		return
	}
	v := Judged{Conversation: c, End: c.Direction}
	k := j.key(&v)
	s, ok := j.speaking[k]
	if !ok || c.First.Before(s.from) {
		s.from = c.First
	}
	if !ok || c.Last.After(s.to) {
		s.to = c.Last
	}
	j.speaking[k] = s
	line := j.past.line(v.Subject().Namespace)
	at := line.at(c.First)
	if slices.ContainsFunc(c.Policies, func(p NamedPolicy) bool { return !line[at].declares(p) }) {
		j.unlisted[k] = append(j.unlisted[k], span{c.First, c.Last})
	}
	switch c.Verdict {
	case Audited:
		a := auditKey{v.End, v.Subject().Workload}
		j.audited[a] = append(j.audited[a], span{c.First, c.Last}.widen(auditLasts))
	case Forwarded, Redirected:
		// allow-any-egress and its like name no policy: the end is not isolated.
		if len(c.Allowed) == 0 || len(c.Policies) > 0 {
			j.named[j.pairKey(&v, at)] = true
		}
	}
}

// auditLasts is for how long around an AUDIT verdict an end is taken to audit
// only: such a verdict comes for new connections, not for every packet.
const auditLasts = 10 * time.Minute

func (j *judge) key(v *Judged) endKey { return endKey{v.End, j.sets.Number(v.Subject().Labels)} }

func (j *judge) pairKey(v *Judged, state int) pairKey {
	o := v.Other()
	return pairKey{j.key(v), j.sets.Number(o.Labels), o.IP, v.Protocol, v.Port, state}
}

// judge holds one end of a conversation against the declared policies.
func (j *judge) judge(c *Conversation, end Direction) {
	v := Judged{Conversation: c, End: end, First: c.FirstOpen, Last: c.LastOpen, pair: j.pair}
	subject, other := v.Subject(), v.Other()
	if c.Opened == 0 || !subject.IsPod() || c.IsNoise() {
		return
	}
	if j.elsewhere(subject) {
		j.skip(c, whyElsewhere)
		return
	}
	if c.Verdict == Dropped && !byPolicy(c.Reason) {
		j.skip(c, whyNotPolicy)
		return
	}
	q := Query{Direction: end, Subject: subject, Peer: other, Protocol: c.Protocol, Port: c.Port}
	line := j.past.line(subject.Namespace)
	at := line.at(c.First)
	if c.Verdict == Audited {
		v.Outcome, v.Counted = AuditOnly, c.Opens
		v.Decision = line[at].engine.Decide(q)
		j.out.Ends = append(j.out.Ends, v)
		return
	}
	if len(other.Labels) == 0 || other.Labels.Reserved("unknown") || other.IsWorld() && j.inside[other.IP] {
		j.skip(c, whyIdentity)
		return
	}
	if j.past.unsure(c.First, c.Last) {
		j.skip(c, whyUnsure)
		return
	}
	// Seldom does a conversation span a change that was known too late; then each
	// connection is judged by what was declared when it was opened.
	for last := line.at(c.Last); at <= last; {
		t := trial{Judged: v, line: line, q: q, from: at, to: at, last: last}
		t.Decision = line[at].engine.Decide(q)
		for t.to < last && line[t.to+1].engine.Decide(q).Answer == t.Decision.Answer {
			t.to++
		}
		at = t.to + 1
		j.try(t)
	}
}

// A trial is one end of a conversation while the answer stayed the same: from
// one state of what is declared to another.
type trial struct {
	Judged
	line           timeline
	q              Query
	from, to, last int // the last state that the conversation reaches
}

// has tells whether a connection opened then is judged in this trial.
func (v *trial) has(at time.Time) bool {
	if v.to == v.last && v.from == v.line.at(v.Conversation.First) {
		return true // all of them
	}
	i := v.line.at(at)
	return v.from <= i && i <= v.to
}

// try judges one end by one answer.
func (j *judge) try(t trial) {
	switch a := t.Decision.Answer; {
	case a == Undetermined:
		j.skip(t.Conversation, whyUndetermined)
	case t.Verdict == Dropped && t.line[len(t.line)-1].engine.Decide(t.q).Answer == Allow:
		j.skip(t.Conversation, whyAllowed) // nothing is left to allow, whatever was declared then
	case t.Verdict == Dropped:
		j.dropped(t)
	case a == Allow:
		if t.count(func(time.Time) bool { return true }); len(t.Counted) > 0 {
			t.Outcome = Used
			j.out.Ends = append(j.out.Ends, t.Judged)
		}
	default:
		j.carried(t)
	}
}

func (j *judge) skip(c *Conversation, why string) { j.out.Unjudged[why] += c.Flows }

// elsewhere tells whether an end is a pod of another cluster, whose policies
// are not ours to know.
func (j *judge) elsewhere(p *Peer) bool {
	cluster, ok := p.Labels.Get(LabelCluster)
	return ok && j.local != "" && cluster != j.local
}

// local is the name of our own cluster in identities: that of Cilium's
// configuration, else that which all nodes bear that reported (cluster/node).
func (s *Snapshot) local() string {
	if name := s.Settings["cluster-name"]; name != "" {
		return name
	}
	name := ""
	for _, n := range s.Traffic.Nodes {
		cluster, _, ok := strings.Cut(n.Name, "/")
		if !ok || name != "" && cluster != name {
			return ""
		}
		name = cluster
	}
	return name
}

// byPolicy tells whether Hubble's reason for a drop is a decision of policy:
// 133 no rule allowed it, 181 a rule denied it.
func byPolicy(reason string) bool { return reason == ReasonDefault || reason == ReasonRule }

// Hubble's words for drops by policy (flow.proto, DropReason).
const (
	ReasonDefault = "POLICY_DENIED"
	ReasonRule    = "POLICY_DENY"
)

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// IsNoise tells what no policy means to speak of: multicast and broadcast, and
// the neighbour discovery and error messages of ICMP, which Cilium lets pass or
// drops without asking policy.
func (c *Conversation) IsNoise() bool {
	for _, p := range []*Peer{&c.From, &c.To} {
		if p.IP.IsMulticast() || p.IP.IsUnspecified() || p.IP == broadcast {
			return true
		}
	}
	return c.Protocol == ICMPv4 && c.Port != 8 || c.Protocol == ICMPv6 && c.Port != 128
}
