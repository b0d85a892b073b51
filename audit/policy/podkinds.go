package policy

import (
	"maps"
	"slices"
	"sync"

	"github.com/segproof/segproof/audit"
)

// podKinds keeps which end the pods of a workload are: a thousand replicas are
// one, but for their addresses.
type podKinds struct {
	mu sync.RWMutex
	of map[audit.Ref][]podKind // by owner
}

// A podKind is what pods that are one end have in common.
type podKind struct {
	namespace, account string
	labels             map[string]string
	ports              []audit.NamedPort
	peer               audit.Peer
}

// maxKinds bounds the kinds of pods that are kept of one workload.
const maxKinds = 8

func (k *podKind) is(p *audit.Pod) bool {
	return k.namespace == p.Namespace && k.account == p.ServiceAccount && slices.Equal(k.ports, p.Ports) && maps.Equal(k.labels, p.Labels)
}

// find is the end that a pod is, if it was asked for already. A pod on the
// node's network has that node's address, and one without an owner its own name.
func (ks *podKinds) find(p *audit.Pod) (audit.Peer, bool) {
	ks.mu.RLock()
	defer ks.mu.RUnlock()
	if p.HostNetwork {
		return audit.Peer{}, false
	}
	for i := range ks.of[p.Owner] {
		if k := &ks.of[p.Owner][i]; k.is(p) {
			return k.peer, true
		}
	}
	return audit.Peer{}, false
}

func (ks *podKinds) add(p *audit.Pod, peer audit.Peer) {
	if p.HostNetwork || p.Owner == (audit.Ref{}) {
		return
	}
	ks.mu.Lock()
	defer ks.mu.Unlock()
	if ks.of == nil {
		ks.of = map[audit.Ref][]podKind{}
	}
	if len(ks.of[p.Owner]) < maxKinds {
		ks.of[p.Owner] = append(ks.of[p.Owner], podKind{p.Namespace, p.ServiceAccount, p.Labels, p.Ports, peer})
	}
}
