package cluster

import (
	"fmt"
	"slices"
	"time"

	"github.com/segproof/segproof/audit"
)

// Bounds on what is remembered of pods that are gone, and of namespaces whose
// labels changed. Beyond them the oldest are forgotten, which is a problem in
// the inventory.
const (
	maxGone = 50_000
	maxCuts = 4096
)

// A memory is what is remembered of objects beside policies: pods that are gone,
// since flows arrive late, and when the labels of namespaces changed, since that
// changes the identity of all their pods.
type memory struct {
	window time.Duration
	pods   []audit.Pod // in the order in which they went
	cuts   []audit.Cut
	lost   int // forgotten before their time
}

func (m *memory) gone(p audit.Pod, at time.Time) {
	p.Gone = at
	m.pods = append(m.pods, p)
	m.forget(at)
}

func (m *memory) relabelled(namespace string, at time.Time) {
	m.cuts = append(m.cuts, audit.Cut{At: at, Namespace: namespace})
	m.forget(at)
}

func (m *memory) forget(now time.Time) {
	before := now.Add(-m.window)
	i := 0
	for i < len(m.pods) && m.pods[i].Gone.Before(before) {
		i++
	}
	if n := len(m.pods) - i - maxGone; n > 0 {
		m.lost += n
		i += n
	}
	m.pods = m.pods[i:]
	i = 0
	for i < len(m.cuts) && m.cuts[i].At.Before(before) {
		i++
	}
	if n := len(m.cuts) - i - maxCuts; n > 0 {
		m.lost += n
		i += n
	}
	m.cuts = m.cuts[i:]
}

// tell adds what is remembered to an inventory.
func (m *memory) tell(i *audit.Inventory, now time.Time) {
	m.forget(now)
	i.GonePods, i.Cuts = slices.Clone(m.pods), slices.Clone(m.cuts)
	if m.lost > 0 {
		i.Problems = append(i.Problems, audit.Problem{Err: fmt.Sprintf("%d pods that are gone, or changes of namespaces, are forgotten before their time", m.lost)})
	}
}
