package cluster

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unique"

	"github.com/segproof/segproof/audit"
)

// intern returns the one copy of a text of which many objects have their own.
func intern(s string) string { return unique.Make(s).Value() }

// maxShared bounds each table of what is shared. Beyond it the table begins
// anew: what is in use stays so, and is only not shared with what comes.
const maxShared = 20_000

// A sharing keeps one copy of what many objects say in the same words: the labels
// of all pods of a workload. It may be used by many informers at once.
type sharing struct {
	mu     sync.Mutex
	labels map[string]map[string]string
	ports  map[string][]audit.NamedPort
	lists  map[string]audit.Labels
}

func newSharing() *sharing {
	return &sharing{labels: map[string]map[string]string{}, ports: map[string][]audit.NamedPort{}, lists: map[string]audit.Labels{}}
}

func share[T any](s *sharing, table map[string]T, key string, own func() T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := table[key]; ok {
		return v
	}
	if len(table) >= maxShared {
		clear(table)
	}
	v := own()
	table[key] = v
	return v
}

func (s *sharing) labelMap(m map[string]string) map[string]string {
	if len(m) == 0 {
		return m
	}
	var key strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		key.WriteString(k + "\x00" + m[k] + "\x00")
	}
	return share(s, s.labels, key.String(), func() map[string]string {
		own := make(map[string]string, len(m))
		for k, v := range m {
			own[intern(k)] = intern(v)
		}
		return own
	})
}

func (s *sharing) namedPorts(ps []audit.NamedPort) []audit.NamedPort {
	if len(ps) == 0 {
		return nil
	}
	var key strings.Builder
	for _, p := range ps {
		key.WriteString(p.Name + "\x00" + string(p.Protocol) + "\x00" + strconv.Itoa(int(p.Port)) + "\x00")
	}
	return share(s, s.ports, key.String(), func() []audit.NamedPort {
		for i := range ps {
			ps[i].Name = intern(ps[i].Name)
		}
		return slices.Clip(ps)
	})
}

func (s *sharing) list(ls audit.Labels) audit.Labels {
	if len(ls) == 0 {
		return nil
	}
	return share(s, s.lists, ls.Key(), func() audit.Labels {
		for i := range ls {
			ls[i] = intern(ls[i])
		}
		return slices.Clip(ls)
	})
}

// noun makes a converted object share what others have as well.
func (s *sharing) noun(noun any) {
	switch n := noun.(type) {
	case *podInput:
		n.Labels, n.Ports = s.labelMap(n.Labels), s.namedPorts(n.Ports)
		n.Namespace, n.Node, n.ServiceAccount = intern(n.Namespace), intern(n.Node), intern(n.ServiceAccount)
		n.controller = controller{intern(n.controller.kind), intern(n.controller.name)}
	case *workloadInput:
		n.PodLabels, n.Labels, n.Ports = s.labelMap(n.PodLabels), s.labelMap(n.Labels), s.namedPorts(n.Ports)
		n.Namespace, n.ServiceAccount = intern(n.Namespace), intern(n.ServiceAccount)
		n.above = controller{intern(n.above.kind), intern(n.above.name)}
	case *managedPod:
		n.namespace, n.state, n.labels = intern(n.namespace), intern(n.state), s.list(n.labels)
	case *identityLabels:
		n.labels = s.list(n.labels)
	}
}
