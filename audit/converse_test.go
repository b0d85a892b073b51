package audit_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/segproof/segproof/audit"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func conversation() audit.Conversation {
	return audit.Conversation{
		Interval: start,
		From:     audit.Peer{Labels: audit.Labels{"k8s:app=web"}, Namespace: "shop", Workload: audit.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}},
		To:       audit.Peer{Labels: audit.Labels{"reserved:world"}, IP: netip.MustParseAddr("203.0.113.1")},
		Protocol: audit.TCP, Port: 443, Event: audit.Drop, Direction: audit.Egress, Verdict: audit.Dropped, Reason: "POLICY_DENIED",
		Match: 1, Policies: []audit.NamedPolicy{{Ref: audit.Ref{Kind: "NetworkPolicy", Name: "p"}, UID: "u"}}, Allowed: []string{"a"},
	}
}

func TestIdentityIsOfAllThatTellsConversationsApart(t *testing.T) {
	seen := map[[16]byte]string{}
	try := func(name string, change func(*audit.Conversation)) {
		c := conversation()
		change(&c)
		if other, ok := seen[c.Identity()]; ok {
			t.Errorf("%s and %s have one identity", name, other)
		}
		seen[c.Identity()] = name
	}
	try("nothing", func(*audit.Conversation) {})
	try("interval", func(c *audit.Conversation) { c.Interval = time.Time{} })
	try("labels", func(c *audit.Conversation) { c.From.Labels = audit.Labels{"k8s:app=web", ""} })
	try("labels put otherwise", func(c *audit.Conversation) { c.From.Labels = audit.Labels{"k8s:app", "=web"} })
	try("namespace", func(c *audit.Conversation) { c.From.Namespace = "" })
	try("workload's kind", func(c *audit.Conversation) { c.From.Workload.Kind = "Job" })
	try("workload's namespace", func(c *audit.Conversation) { c.From.Workload.Namespace = "x" })
	try("workload's name", func(c *audit.Conversation) { c.From.Workload.Name = "x" })
	try("address", func(c *audit.Conversation) { c.To.IP = netip.Addr{} })
	try("address in IPv6", func(c *audit.Conversation) { c.To.IP = netip.MustParseAddr("::ffff:203.0.113.1") })
	try("other way round", func(c *audit.Conversation) { c.From, c.To = c.To, c.From })
	try("protocol", func(c *audit.Conversation) { c.Protocol = audit.UDP })
	try("port", func(c *audit.Conversation) { c.Port = 80 })
	try("event", func(c *audit.Conversation) { c.Event = audit.PolicyVerdict })
	try("direction", func(c *audit.Conversation) { c.Direction = audit.Ingress })
	try("verdict", func(c *audit.Conversation) { c.Verdict = audit.Audited })
	try("reason", func(c *audit.Conversation) { c.Reason = "" })
	try("match", func(c *audit.Conversation) { c.Match = 4 })
	try("policy", func(c *audit.Conversation) { c.Policies[0].Name = "q" })
	try("policy's UID", func(c *audit.Conversation) { c.Policies[0].UID = "v" })
	try("no policy", func(c *audit.Conversation) { c.Policies = nil })
	try("allowed", func(c *audit.Conversation) { c.Allowed = nil })

	c := conversation()
	before := c.Identity()
	grow := part(rand.New(rand.NewPCG(1, 1)))
	c.Absorb(&grow)
	if c.Identity() != before {
		t.Error("what was counted changes the identity")
	}
}

func TestIdentityIsTheSameInEveryVersion(t *testing.T) {
	c := conversation()
	if got := fmt.Sprintf("%x", c.Identity()); got != "2c404c91caa6b577ffcca6da693ffb7d" {
		t.Errorf("identity is %s", got)
	}
}

func TestEveryFieldOfAConversationIsToldApartOrMerged(t *testing.T) {
	var got []string
	for f := range reflect.TypeFor[audit.Conversation]().Fields() {
		got = append(got, f.Name)
	}
	want := []string{
		"Interval", "From", "To", "Protocol", "Port", "Event", "Direction", "Verdict", "Reason", "Match", "Policies", "Allowed", // Identity
		"Flows", "First", "Last", "Opened", "FirstOpen", "LastOpen", "Opens", "Nodes", "Samples", "Requests", "Unkept", // Absorb
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("a field is new: think of Identity, Absorb and audit/store (-want +got):\n%s", d)
	}
}

func TestEveryFieldOfTrafficIsMerged(t *testing.T) {
	var got []string
	for f := range reflect.TypeFor[audit.Traffic]().Fields() {
		got = append(got, f.Name)
	}
	want := []string{
		"Since", "Until", "Asked", "Conversations", "Relabelled", "Flows", "Lost", "LostBy", "Nodes", "SilentNodes", "Gaps",
		"Folded", "Clusters", "BadRecords", "Problems",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("a field is new: think of AbsorbCoverage and audit/store (-want +got):\n%s", d)
	}
}

// part is some of a conversation as it is merged from a few flows.
func part(r *rand.Rand) audit.Conversation {
	c := conversation()
	at := func() time.Time { return start.Add(time.Duration(r.IntN(50)) * time.Second) }
	c.Flows = 1 + r.Uint64N(9)
	c.First = at()
	c.Last = c.First.Add(time.Duration(r.IntN(30)) * time.Second)
	if r.IntN(3) > 0 {
		c.Opened, c.FirstOpen, c.LastOpen = 1+r.Uint64N(5), c.First, c.Last
		c.Opens = []audit.Open{{Hash: r.Uint64N(20), At: at()}}
	}
	c.Nodes = []string{fmt.Sprintf("node-%02d", r.IntN(30))}
	c.Samples = []audit.Sample{{Time: at(), UUID: fmt.Sprint(r.IntN(4)), Names: []string{fmt.Sprint(r.IntN(2))}}}
	c.Requests = []audit.Request{{Kind: audit.HTTPRequest, Path: fmt.Sprintf("/%d", r.IntN(90)), Flows: 1 + r.Uint64N(3)}}
	c.Unkept = r.Uint64N(2)
	return c
}

// mergedAnyhow merges all parts in some order and grouping.
func mergedAnyhow[T any](r *rand.Rand, parts []T, absorb func(into, part *T)) T {
	parts = append([]T{}, parts...)
	for len(parts) > 1 {
		i, j := r.IntN(len(parts)), r.IntN(len(parts)-1)
		if j >= i {
			j++
		}
		absorb(&parts[i], &parts[j])
		parts = append(parts[:j], parts[j+1:]...)
	}
	return parts[0]
}

var addresses = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func TestHoweverAConversationIsSplitTheWholeIsTheSame(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		var parts []audit.Conversation
		flows := uint64(0)
		for range 2 + r.IntN(100) {
			parts = append(parts, part(r))
			flows += parts[len(parts)-1].Flows
		}
		untouched := fmt.Sprint(parts)
		want := mergedAnyhow(r, parts, (*audit.Conversation).Absorb)
		for range 3 {
			got := mergedAnyhow(r, parts, (*audit.Conversation).Absorb)
			if d := cmp.Diff(want, got, addresses); d != "" {
				t.Fatalf("seed %d: order or grouping matters:\n%s", seed, d)
			}
		}
		if fmt.Sprint(parts) != untouched {
			t.Fatalf("seed %d: merging changed what was merged", seed)
		}
		if want.Flows != flows || len(want.Opens) > audit.MaxOpens || len(want.Nodes) > audit.MaxNodes ||
			len(want.Samples) > audit.MaxSamples || len(want.Requests) > audit.MaxRequests {
			t.Fatalf("seed %d: %+v", seed, want)
		}
	}
}

func TestCountsDoNotWrapAround(t *testing.T) {
	a, b := conversation(), conversation()
	a.Flows, b.Flows = math.MaxUint64-1, 5
	if a.Absorb(&b); a.Flows != math.MaxUint64 {
		t.Errorf("%d flows", a.Flows)
	}
}

// seenPart is what one of several saw of the network.
func seenPart(r *rand.Rand) audit.Traffic {
	at := func() time.Time { return start.Add(time.Duration(r.IntN(50)) * time.Second) }
	t := audit.Traffic{
		Since: at(), Asked: at(), Flows: r.Uint64N(100), Lost: r.Uint64N(3), LostBy: map[string]uint64{fmt.Sprint(r.IntN(3)): 1},
		Folded: r.Uint64N(3), BadRecords: r.IntN(2), Clusters: []string{fmt.Sprint(r.IntN(300))},
		Relabelled: []audit.Relabelled{{Pod: fmt.Sprint(r.IntN(5)), At: at()}},
		Problems:   []audit.Problem{{Line: r.IntN(40), Err: "x"}}, Gaps: []audit.Gap{{Node: "n", From: at(), Why: "w"}},
	}
	t.Until = t.Since.Add(time.Minute)
	for _, n := range r.Perm(6)[:r.IntN(4)] {
		c := audit.NodeCoverage{Name: fmt.Sprintf("node-%d", n), Flows: r.Uint64N(3), From: at()}
		c.To, c.Note = c.From.Add(time.Second), []string{"", "gone", "error"}[r.IntN(3)]
		t.Nodes = append(t.Nodes, c)
		if r.IntN(3) == 0 {
			t.SilentNodes = append(t.SilentNodes, c.Name)
		}
	}
	if r.IntN(4) == 0 {
		t.SilentNodes = append(t.SilentNodes, "node-7")
	}
	return t
}

func TestHoweverCoverageIsSplitTheWholeIsTheSame(t *testing.T) {
	order := cmpopts.SortSlices(func(a, b audit.NodeCoverage) bool { return a.Name < b.Name })
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		var parts []audit.Traffic
		for range 2 + r.IntN(40) {
			parts = append(parts, seenPart(r))
		}
		untouched := fmt.Sprint(parts)
		want := mergedAnyhow(r, parts, (*audit.Traffic).AbsorbCoverage)
		for range 3 {
			if d := cmp.Diff(want, mergedAnyhow(r, parts, (*audit.Traffic).AbsorbCoverage), order, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("seed %d: order or grouping matters:\n%s", seed, d)
			}
		}
		var none audit.Traffic
		none.AbsorbCoverage(&parts[0])
		if d := cmp.Diff(parts[0].Asked, none.Asked); d != "" {
			t.Fatalf("seed %d: who saw nothing asked for everything:\n%s", seed, d)
		}
		if fmt.Sprint(parts) != untouched {
			t.Fatalf("seed %d: merging changed what was merged", seed)
		}
	}
}

func TestANodeIsSilentOnlyIfItWasForWhoHeardOfItLast(t *testing.T) {
	heard := func(d time.Duration) []audit.NodeCoverage {
		return []audit.NodeCoverage{{Name: "n", Flows: 1, From: start, To: start.Add(d)}}
	}
	for name, c := range map[string]struct {
		a, b   audit.Traffic
		silent int
	}{
		"another heard of it":        {audit.Traffic{SilentNodes: []string{"n"}}, audit.Traffic{Nodes: heard(1)}, 0},
		"nobody heard of it":         {audit.Traffic{SilentNodes: []string{"n"}}, audit.Traffic{Flows: 7}, 1},
		"it fell silent afterwards":  {audit.Traffic{SilentNodes: []string{"n"}, Nodes: heard(9)}, audit.Traffic{Nodes: heard(1)}, 1},
		"it was heard of since then": {audit.Traffic{SilentNodes: []string{"n"}, Nodes: heard(1)}, audit.Traffic{Nodes: heard(9)}, 0},
	} {
		if c.a.AbsorbCoverage(&c.b); len(c.a.SilentNodes) != c.silent {
			t.Errorf("%s: silent are %v", name, c.a.SilentNodes)
		}
	}
}
