package oracle

import (
	"fmt"
	"log/slog"
	"math"
	"sync"

	"github.com/cilium/cilium/pkg/crypto/certificatemanager"
	"github.com/cilium/cilium/pkg/endpoint/regeneration"
	envoypolicy "github.com/cilium/cilium/pkg/envoy/policy"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/identity/identitymanager"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/types"
	ciliumtypes "github.com/cilium/cilium/pkg/types"
	"github.com/cilium/cilium/pkg/u8proto"

	"github.com/segproof/segproof/audit"
)

// Cilium is one cluster as Cilium's engine sees it: identities and policies.
// It is not safe for concurrent use.
type Cilium struct {
	setting  Setting
	log      *slog.Logger
	repo     *policy.Repository
	entries  types.PolicyEntries
	reserved map[identity.NumericIdentity]*Identity
	ports    ciliumtypes.NamedPortMultiMap
	renamed  func(identity.NumericIdentity, ciliumtypes.NamedPortMap)
	compiled map[identity.NumericIdentity]*policy.EndpointPolicy
	proxied  map[identity.NumericIdentity][]proxiedRule
	next     uint32
}

// An Identity is an end as Cilium knows it.
type Identity struct {
	*identity.Identity
	ports ciliumtypes.NamedPortMap
}

// New returns a cluster without pods and policies. It fails if this process
// has another setting already.
func New(s Setting) (*Cilium, error) {
	if err := s.configure(); err != nil {
		return nil, fmt.Errorf("configure cilium: %w", err)
	}
	log := slog.New(slog.DiscardHandler)
	manager := identitymanager.NewIDManager(log)
	translator := envoypolicy.NewEnvoyL7RulesTranslator(log, certificatemanager.NewMockSecretManagerNotFound())
	ports := ciliumtypes.NewNamedPortMultiMap()
	c := &Cilium{
		setting:  s,
		log:      log,
		repo:     policy.NewPolicyRepository(log, nil, nil, translator, manager, nil),
		reserved: map[identity.NumericIdentity]*Identity{},
		ports:    ports,
		renamed: func(n identity.NumericIdentity, m ciliumtypes.NamedPortMap) {
			ports.Update(n, nil, m)
		},
		compiled: map[identity.NumericIdentity]*policy.EndpointPolicy{},
		proxied:  map[identity.NumericIdentity][]proxiedRule{},
		next:     1000,
	}
	c.repo.SetNamedPortsGetter(c)
	known := identity.IdentityMap{}
	identity.IterateReservedIdentities(func(n identity.NumericIdentity, id *identity.Identity) {
		known[n] = id.LabelArray
		c.reserved[n] = &Identity{Identity: id}
	})
	c.learn(known)
	return c, nil
}

// GetNamedPorts implements policy.NamedPortsGetter.
func (c *Cilium) GetNamedPorts() ciliumtypes.NamedPortMultiMap { return c.ports }

// learn makes identities known to the selectors of peers and subjects.
func (c *Cilium) learn(m identity.IdentityMap) {
	var wg sync.WaitGroup
	c.repo.GetSelectorCache().UpdateIdentities(m, nil, &wg)
	c.repo.GetSubjectSelectorCache().UpdateIdentities(m, nil, &wg)
	wg.Wait()
	clear(c.compiled)
}

// A Question is what Cilium's engine is asked: may the subject talk to the peer
// (egress), or be talked to by it (ingress)? The port of ICMP is its type.
type Question struct {
	Subject, Peer *Identity
	Direction     audit.Direction
	Protocol      u8proto.U8proto
	Port          uint16
}

// A Verdict is the answer of the map state.
type Verdict struct {
	Allowed  bool
	Explicit bool     // a policy says so, and not the default
	Refused  bool     // allowed, with an authentication that always fails
	Redirect bool     // the proxy decides on
	Policies []string // names of the policies that the entry comes from, ordered
}

// Compile returns the map state of a subject, and keeps it until something changes.
func (c *Cilium) Compile(subject *Identity) (*policy.EndpointPolicy, error) {
	if p := c.compiled[subject.ID]; p != nil {
		return p, nil
	}
	selected, _, err := c.repo.ComputeSelectorPolicy(subject.Identity)
	if err != nil {
		return nil, fmt.Errorf("compile policy of %v: %w", subject.LabelArray, err)
	}
	// Nothing listens here: every redirect goes to the same port.
	redirects := map[string]uint16{policy.FallbackRedirectID: math.MaxUint16}
	p := selected.DistillPolicy(c.log, &owner{subject}, redirects)
	c.proxied[subject.ID] = proxiedRules(p)
	p.Ready()
	p.Detach(c.log)
	selected.Supersede()
	c.compiled[subject.ID] = p
	return p, nil
}

// Decide looks a question up in the map state.
func (c *Cilium) Decide(q Question) (Verdict, error) {
	p, err := c.Compile(q.Subject)
	if err != nil {
		return Verdict{}, err
	}
	entry, meta, _ := p.Lookup(q.key())
	names := policyNames(meta.LabelArray())
	return Verdict{
		Allowed:  !entry.IsDeny(),
		Explicit: len(names) > 0,
		Refused:  entry.AuthRequirement.AuthType() == types.AuthTypeAlwaysFail,
		Redirect: entry.IsRedirectEntry(),
		Policies: names,
	}, nil
}

// Lookup is Decide without the names: the cheapest answer that Cilium's engine
// can give once the subject is compiled.
func (c *Cilium) Lookup(q Question) (allowed bool) {
	entry, _, _ := c.compiled[q.Subject.ID].Lookup(q.key())
	return !entry.IsDeny()
}

func (q Question) key() policy.Key {
	k := policy.EgressKey()
	if q.Direction == audit.Ingress {
		k = policy.IngressKey()
	}
	return k.WithIdentity(q.Peer.ID).WithPortProto(q.Protocol, q.Port)
}

// owner is the endpoint that a map state is compiled for.
type owner struct{ *Identity }

func (o *owner) GetID() uint64                               { return uint64(o.ID) }
func (o *owner) IsHost() bool                                { return o.ID == identity.ReservedIdentityHost }
func (o *owner) PolicyDebug(string, ...any)                  {}
func (o *owner) PreviousMapStateSizes() policy.MapStateSizes { return policy.MapStateSizes{} }

func (o *owner) GetIngressNamedPort(name string, p u8proto.U8proto) uint16 {
	port, err := o.ports.GetNamedPort(name, p)
	if err != nil {
		return 0
	}
	return port
}

func (o *owner) RegenerateIfAlive(*regeneration.ExternalRegenerationMetadata) <-chan bool {
	done := make(chan bool)
	close(done)
	return done
}
