package policy

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/segproof/segproof/audit"
)

func TestWhatIsRememberedIsWhatWouldBeDecided(t *testing.T) {
	e := compile(t, mixture()...)
	var ends []*audit.Peer
	for _, name := range []string{"a/x", "b/x", "d/x", "a/y", "world", "host", "reserved:unknown"} {
		p := peer(name)
		ends = append(ends, &p)
	}
	// Ends that differ in their address, or in how much of one label set is theirs.
	for _, ip := range []string{"10.1.1.1", "203.0.113.9"} {
		ends = append(ends, &audit.Peer{Labels: ends[4].Labels, IP: netip.MustParseAddr(ip)})
	}
	ends = append(ends, &audit.Peer{Labels: ends[0].Labels[:1], Namespace: "x"}, &audit.Peer{Namespace: "x"})
	for range 3 {
		for _, s := range ends {
			for _, p := range ends {
				for _, d := range []audit.Direction{audit.Ingress, audit.Egress} {
					for _, port := range []uint16{80, 8080, 53} {
						for _, proto := range []audit.Protocol{audit.TCP, audit.UDP, audit.ICMPv4, audit.ICMPv6} {
							q := audit.Query{Direction: d, Subject: s, Peer: p, Protocol: proto, Port: port}
							if diff := cmp.Diff(*e.decide(q), e.Decide(q)); diff != "" {
								t.Fatalf("%+v: %s", q, diff)
							}
						}
					}
				}
			}
		}
	}
}
