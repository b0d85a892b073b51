package policy

import "slices"

const whyUnknown = "the identity of the peer is not known"

// selected are the peers that any of these selectors selects.
type selected []*selector

func (s selected) match(p end) (t truth, why string) {
	for _, sel := range s {
		switch sel.match(p.identity) {
		case yes:
			return yes, ""
		case maybe:
			t, why = maybe, sel.why(p)
		default:
			// The identities that stand for the whole cluster or world lack
			// every label, so Cilium 1.20 takes such a selector to mean them.
			if sel.negative() {
				t, why = maybe, "Cilium lets a selector that only excludes select more than it says"
			}
		}
	}
	return t, why
}

func (s *selector) why(p end) string {
	switch {
	case s.doubt != "":
		return s.doubt
	case p.unknown:
		return whyUnknown
	}
	return "it depends on a label that is not part of an identity"
}

// Entities, besides those that are one reserved label.
const (
	entityAll         = "all"
	entityCluster     = "cluster"
	entityClusterMesh = "cluster-mesh"
	entityWorld       = "world"
	entityNone        = "none"
)

// reservedEntities are the entities that are just a reserved label.
func reservedEntities() []string {
	return []string{"host", "remote-node", "init", "ingress", "health", "unmanaged", "kube-apiserver", "world-ipv4", "world-ipv6"}
}

func knownEntity(name string) bool {
	switch name {
	case entityAll, entityCluster, entityClusterMesh, entityWorld, entityNone:
		return true
	}
	return slices.Contains(reservedEntities(), name)
}

// entities are the peers that are one of these entities.
type entities struct {
	names   []string
	cluster string
	family  int // of a single-stack cluster, else 0
}

func (e *entities) match(p end) (t truth, why string) {
	for _, name := range e.names {
		switch e.is(name, p) {
		case yes:
			return yes, ""
		case maybe:
			t, why = maybe, whyUnknown
		}
	}
	return t, why
}

func (e *entities) is(name string, p end) truth {
	switch {
	case name == entityAll:
		return yes
	case name == entityNone:
		return no
	case p.unknown:
		return maybe
	}
	switch name {
	case entityWorld:
		return truly(p.world)
	case entityCluster:
		return truly(inCluster(p.identity) || p.local(e.cluster))
	case entityClusterMesh:
		return truly(inCluster(p.identity) || p.local(""))
	case "world-ipv4":
		return e.worldOf(4, p)
	case "world-ipv6":
		return e.worldOf(6, p)
	}
	return truly(p.is(name))
}

// inCluster tells whether an end is in the cluster without being a pod. What
// is unmanaged or still starting counts, and so does every API server.
func inCluster(id *identity) bool {
	return slices.ContainsFunc(reservedEntities()[:7], id.is)
}

// worldOf tells whether an end is outside in one address family. A cluster with
// one family only has no such identities: there the world is the plain one.
func (e *entities) worldOf(family int, p end) truth {
	switch {
	case !p.world || e.family != 0 && !p.is("world-ipv4") && !p.is("world-ipv6"):
		return no
	case p.ip.IsValid():
		return truly(familyOf(p.ip) == family)
	case p.family != 0:
		return truly(p.family == family)
	}
	return maybe
}

// unresolved are peers that can't be named from what is declared.
type unresolved struct {
	scope scope
	label string // whoever carries it is meant
	why   string
}

// scope is whom an unresolved reference could mean.
type scope uint8

const (
	anybody scope = iota
	outside
	remoteNodes
)

func (u *unresolved) match(p end) (truth, string) {
	if u.label != "" && slices.Contains(p.raw, u.label) {
		return yes, ""
	}
	if p.unknown || u.scope == anybody || u.scope == outside && p.world || u.scope == remoteNodes && p.is("remote-node") {
		return maybe, u.why
	}
	return no, ""
}
