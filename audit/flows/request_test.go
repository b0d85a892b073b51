package flows

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cilium/cilium/api/v1/flow"
	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

func httpFlow(method, url string, code uint32) *flow.Layer7 {
	return &flow.Layer7{Record: &flow.Layer7_Http{Http: &flow.HTTP{Method: method, Url: url, Code: code}}}
}

func TestARequestIsReadFromWhatAProxySaw(t *testing.T) {
	long := "/" + strings.Repeat("x", maxRequestText)
	for name, c := range map[string]struct {
		in   *flow.Layer7
		want *audit.Request
	}{
		"with its query string": {httpFlow("GET", "http://api:8080/a%2Fb/?x=1&y", 0), &audit.Request{Kind: audit.HTTPRequest, Method: "GET", Host: "api:8080", Path: "/a%2Fb/?x=1&y", Flows: 1}},
		"a bare path":           {httpFlow("PUT", "/a", 403), &audit.Request{Kind: audit.HTTPRequest, Method: "PUT", Path: "/a", Code: 403, Flows: 1}},
		"too long to be known":  {httpFlow("GET", "http://api"+long, 0), &audit.Request{Kind: audit.HTTPRequest, Method: "GET", Host: "api", Flows: 1}},
		"no URL":                {httpFlow("GET", "http://[", 0), &audit.Request{Kind: audit.HTTPRequest, Method: "GET", Flows: 1}},
		"DNS":                   {&flow.Layer7{Record: &flow.Layer7_Dns{Dns: &flow.DNS{Query: "db."}}}, &audit.Request{Kind: audit.DNSRequest, Name: "db.", Flows: 1}},
		"of no known kind":      {&flow.Layer7{}, nil},
		"not there":             {nil, nil},
	} {
		if d := cmp.Diff(c.want, newRequest(c.in)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// However requests arrive, and however tallies are split and added, the same
// kinds are kept with the same counts, and none is lost from the sum.
func TestTheKindsOfRequestThatAreKeptDoNotDependOnOrder(t *testing.T) {
	const kinds, flows = 3 * audit.MaxRequests, 2000
	asked := make([]*audit.Request, flows)
	for i := range asked {
		asked[i] = &audit.Request{Kind: audit.HTTPRequest, Path: fmt.Sprintf("/%d", i%kinds), Flows: 1}
	}
	var want *tally
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		r.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
		got, other := newTally(), newTally()
		for _, q := range asked {
			to := got
			if r.IntN(3) == 0 {
				to = other
			}
			to.ask(q)
		}
		got.add(other)
		sum := got.unkept
		for _, q := range got.requests {
			sum += q.Flows
		}
		if len(got.requests) != audit.MaxRequests || sum != flows {
			t.Fatalf("%d kinds kept, %d flows counted; want %d and %d", len(got.requests), sum, audit.MaxRequests, flows)
		}
		if want == nil {
			want = got
		}
		if d := cmp.Diff(want.requests, got.requests); d != "" || want.unkept != got.unkept {
			t.Fatalf("seed %d: another order keeps others:\n%s", seed, d)
		}
	}
}

// A copy that is told of, such as a batch for the keeper, does not grow with the
// tally that it was made of.
func TestACopyOfATallyHasItsOwnRequests(t *testing.T) {
	a := newTally()
	a.ask(&audit.Request{Path: "/a", Flows: 1})
	s := slab{tallies: make([]tally, 0, 1)}
	b := s.tally(a)
	a.ask(&audit.Request{Path: "/a", Flows: 1})
	if got := b.requests[0].Flows; got != 1 {
		t.Errorf("the copy counts %d flows, want 1", got)
	}
}
