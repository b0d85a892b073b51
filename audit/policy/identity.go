package policy

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/segproof/segproof/audit"
)

// An identity is a set of labels, read once.
type identity struct {
	raw       audit.Labels
	labels    []label
	namespace string
	cluster   string
	unknown   bool // it says nothing of who this is
	bare      bool // an address that nothing but itself is known of
	world     bool
	host      bool           // a node that we are on, or that we are asked about
	node      bool           // any node
	family    int            // 4 or 6 if the labels tell, else 0
	prefixes  []netip.Prefix // of cidr labels
	names     []string       // of fqdn labels
	ports     map[string][]portNumber

	matches atomic.Pointer[[]atomic.Uint64] // by selector, two bits each: 0, or its truth plus one
	plans   [2]atomic.Pointer[plans]
}

type label struct{ source, key, value string }

// portNumber is what a port name stands for.
type portNumber struct {
	protocol audit.Protocol
	port     uint16
}

func (g *ground) newIdentity(ls audit.Labels) *identity {
	id := &identity{raw: ls, labels: make([]label, 0, len(ls))}
	id.matches.Store(&[]atomic.Uint64{})
	for _, l := range ls {
		source, key, value := audit.SplitLabel(l)
		id.labels = append(id.labels, label{source, key, value})
		switch source {
		case "reserved":
			switch key {
			case "unknown":
				id.unknown = true
			case "world":
				id.world = true
			case "world-ipv4":
				id.world, id.family = true, 4
			case "world-ipv6":
				id.world, id.family = true, 6
			case "host":
				id.host, id.node = true, true
			case "remote-node":
				id.node = true
			}
		case "cidr":
			if p, ok := labelPrefix(key); ok {
				id.prefixes = append(id.prefixes, p)
			}
		case "fqdn":
			id.names = append(id.names, domain(key))
		case "gen":
			if strings.HasPrefix(key, labelNamedPorts) {
				id.addPorts(value)
			}
		}
	}
	id.namespace, _ = ls.Get(audit.LabelNamespace)
	id.cluster, _ = ls.Get(audit.LabelCluster)
	id.finish(g.settings.family)
	return id
}

func (id *identity) finish(family int) {
	// Narrowest first: an address lies in all of them.
	slices.SortFunc(id.prefixes, func(a, b netip.Prefix) int { return b.Bits() - a.Bits() })
	others := slices.ContainsFunc(id.labels, func(l label) bool { return l.source != "cidr" && l.source != "fqdn" && l.source != "cidrgroup" })
	switch {
	case len(id.labels) == 0:
		id.unknown = true
	case !others:
		id.world = true
	}
	if len(id.prefixes) > 0 {
		id.family = familyOf(id.prefixes[0].Addr())
	} else if id.world && id.family == 0 {
		id.family = family
	}
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

// addPorts reads http.TCP.8080_dns.UDP.53.
func (id *identity) addPorts(value string) {
	if id.ports == nil {
		id.ports = map[string][]portNumber{}
	}
	for one := range strings.SplitSeq(value, "_") {
		parts := strings.Split(one, ".")
		if len(parts) != 3 {
			continue
		}
		if n, ok := portValue(parts[2]); ok && n > 0 {
			id.ports[parts[0]] = append(id.ports[parts[0]], portNumber{audit.Protocol(parts[1]), n})
		}
	}
}

// is tells whether the identity carries a reserved label.
func (id *identity) is(name string) bool { return id.raw.Reserved(name) }

// local tells whether this is a pod of our own cluster, or may be taken for
// one because either does not say where it belongs.
func (id *identity) local(cluster string) bool {
	if id.cluster == "" || cluster == "" {
		return id.namespace != "" || id.cluster != ""
	}
	return id.cluster == cluster
}

// maxIdentities bounds the label sets that are kept.
const maxIdentities = 1 << 17

// identities keeps label sets, so that each is read once. Sets are found by
// hash and then compared, which needs no text to be built.
type identities struct {
	seed maphash.Seed
	mu   sync.RWMutex
	sets map[uint64][]*identity
	n    int
}

func (g *ground) identity(ls audit.Labels) *identity {
	at := placeOf(ls)
	slot := g.placed().slot(at)
	if p := slot.Load(); p != nil && p.place == at {
		return p.identity
	}
	h := g.known.hash(ls)
	id := g.known.find(h, ls)
	if id == nil {
		id = g.known.add(h, g.newIdentity(slices.Clone(ls)))
	}
	slot.Store(&placed{at, id})
	return id
}

// match returns where the identity keeps whether a selector selects it. What
// two goroutines keep at once while there is more room made may be lost, and is
// then worked out again.
func (id *identity) match(selector int) *atomic.Uint64 {
	kept := id.matches.Load()
	for selector/32 >= len(*kept) {
		more := make([]atomic.Uint64, max(selector/32+1, 2*len(*kept)))
		for i := range *kept {
			more[i].Store((*kept)[i].Load())
		}
		id.matches.CompareAndSwap(kept, &more)
		kept = id.matches.Load()
	}
	return &(*kept)[selector/32]
}

func (k *identities) hash(ls audit.Labels) uint64 {
	var h uint64
	for _, l := range ls {
		h = h*31 + maphash.String(k.seed, l)
	}
	return h
}

func (k *identities) find(h uint64, ls audit.Labels) *identity {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, id := range k.sets[h] {
		if slices.Equal(id.raw, ls) {
			return id
		}
	}
	return nil
}

// add keeps id unless another was quicker or the bound is reached.
func (k *identities) add(h uint64, id *identity) *identity {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, other := range k.sets[h] {
		if slices.Equal(other.raw, id.raw) {
			return other
		}
	}
	if k.n < maxIdentities {
		k.n++
		k.sets[h] = append(k.sets[h], id)
	}
	return id
}

// An end is an identity and, outside the cluster, an address.
type end struct {
	*identity
	ip      netip.Addr
	subject *identity // whose peer it is
}

// end finds the identity of a peer. An address without any labels is taken to
// be outside the cluster. Addresses of pods are seldom of interest.
func (g *ground) end(p *audit.Peer) end {
	if p == nil {
		return end{identity: g.nobody}
	}
	ip := p.IP.Unmap().WithZone("")
	if len(p.Labels) == 0 && ip.IsValid() {
		return end{identity: g.bare, ip: ip}
	}
	id := g.identity(p.Labels)
	if id.unknown || !id.world && !id.node && !g.addresses {
		ip = netip.Addr{}
	}
	return end{identity: id, ip: ip}
}
