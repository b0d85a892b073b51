package flows

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/segproof/segproof/audit"
)

// An end is one side of a conversation while it is merged: a workload, a pod
// whose workload is not known yet, or everybody with the same labels outside.
type end struct {
	endKey
	sum uint64
}

type endKey struct {
	labels    *labelSet // of an end that is no pod without cidr:
	namespace string    // of a pod
	pod       string    // only while the workload is not known
	workload  audit.Ref
}

func (e *end) isPod() bool { return e.namespace != "" }

// A seat is an end as flows tell it: one pod with one set of labels. It
// remembers what follows from that.
type seat struct {
	seatKey
	end         *end
	first, last int64  // when it was seen
	title       string // of the pod, in samples; "" if it has no name
}

type seatKey struct {
	labels    *labelSet
	namespace string
	pod       string
	workload  audit.Ref // as the flow tells it
}

func (s *seat) saw(at int64) { s.first, s.last = min(s.first, at), max(s.last, at) }

type podName struct{ namespace, pod string }

// ends finds ends and seats.
type ends struct {
	seats  map[seatKey]*seat
	by     map[endKey]*end
	owner  func(namespace, pod string) (audit.Ref, bool)
	owners map[podName]audit.Ref // of pods that are gone too
	heard  map[podName]audit.Ref // workloads that flows told, in order of arrival; nil if that may not matter
	max    int
}

func newEnds(owner func(string, string) (audit.Ref, bool), most int) *ends {
	if owner == nil {
		owner = func(string, string) (audit.Ref, bool) { return audit.Ref{}, false }
	}
	return &ends{seats: map[seatKey]*seat{}, by: map[endKey]*end{}, owner: owner, owners: map[podName]audit.Ref{}, max: most}
}

// learn asks who owns the pods that flows spoke of, and remembers it: pods die
// before their flows are told of.
func (es *ends) learn(owner func(namespace, pod string) (audit.Ref, bool)) {
	if owner == nil {
		return
	}
	for _, s := range es.seats {
		if s.pod == "" {
			continue
		}
		if ref, ok := owner(s.namespace, s.pod); ok {
			es.owners[podName{s.namespace, s.pod}] = ref
		}
	}
}

// ownerOf is who the inventory says owns a pod, or said while it was there.
func (es *ends) ownerOf(p podName) (audit.Ref, bool) {
	if ref, ok := es.owners[p]; ok {
		return ref, true
	}
	return es.owner(p.namespace, p.pod)
}

// seat returns the seat of an end of a flow, or nil if there is no room.
func (es *ends) seat(e *endpoint, labels *labelSet) *seat {
	k := seatKey{labels: labels}
	if !labels.node {
		if k.namespace = e.namespace; k.namespace == "" {
			k.namespace = labels.namespace
		}
	}
	if k.namespace == "" {
		k.labels = labels.wide
	} else {
		k.pod, k.workload = e.pod, e.workload
		if k.workload != (audit.Ref{}) {
			k.workload.Namespace = k.namespace
		}
	}
	return es.take(k)
}

func (es *ends) take(k seatKey) *seat {
	if s := es.seats[k]; s != nil {
		return s
	}
	if len(es.seats) >= es.max {
		return nil
	}
	ek := endKey{labels: k.labels, namespace: k.namespace, pod: k.pod, workload: es.workload(k)}
	if ek.workload != (audit.Ref{}) {
		ek.pod = ""
	}
	s := &seat{seatKey: k, end: es.end(ek), first: never, last: ever}
	if k.pod != "" {
		s.title = k.namespace + "/" + k.pod
	}
	if es.heard != nil && k.pod != "" && k.workload != (audit.Ref{}) {
		// Fewer ends have to wait for their workload to be told.
		es.heard[podName{k.namespace, k.pod}] = k.workload
	}
	es.seats[k] = s
	return s
}

// workload is what a flow says, or else what the inventory knows of the pod.
// Hubble takes the owner from the pod's own metadata: where it names a
// ReplicaSet or a Job, the inventory may know what owns that.
func (es *ends) workload(k seatKey) audit.Ref {
	told := k.workload
	if k.pod == "" || told != (audit.Ref{}) && told.Kind != "ReplicaSet" && told.Kind != "Job" {
		return told
	}
	p := podName{k.namespace, k.pod}
	if ref, ok := es.ownerOf(p); ok {
		return ref
	}
	return cmp.Or(told, es.heard[p])
}

func (es *ends) end(k endKey) *end {
	if e := es.by[k]; e != nil {
		return e
	}
	h := emptySum.number(k.labels.sum).text(k.namespace).text(k.pod).text(k.workload.Kind).text(k.workload.Name)
	e := &end{k, h.mixed()}
	es.by[k] = e
	return e
}

// resolve says which workload each end is that has been a mere pod so far, or a
// ReplicaSet or Job whose owner became known. What other flows said of the pod
// counts first, then what all ends with the same namespace and identity have in
// common. Hubble tells workloads only for pods of the node that emits the flow.
func (es *ends) resolve() renaming {
	type like struct {
		namespace string
		labels    *labelSet
	}
	found := es.told()
	likes := map[like]audit.Ref{}
	for e, w := range found {
		if w == (audit.Ref{}) {
			continue
		}
		l := like{e.namespace, e.labels.bare}
		if known, ok := likes[l]; ok && known != w {
			w = audit.Ref{} // they are not all the same
		}
		likes[l] = w
	}
	out := renaming{}
	for e, w := range found {
		if w == (audit.Ref{}) {
			w = likes[like{e.namespace, e.labels.bare}]
		}
		if w == (audit.Ref{}) {
			w = audit.Ref{Kind: "Pod", Namespace: e.namespace, Name: e.pod}
			if e.pod == "" {
				w.Name = "unknown"
			}
		}
		out[e] = es.end(endKey{labels: e.labels, namespace: e.namespace, workload: w})
	}
	return out
}

// told is the workload of every end that is a pod, as far as something was said
// of it: of the end, or else of the pod.
func (es *ends) told() map[*end]audit.Ref {
	pods := map[podName]audit.Ref{}
	owned := map[*end]audit.Ref{}
	least := func(known, w audit.Ref) audit.Ref {
		if known == (audit.Ref{}) || w.Compare(known) < 0 {
			return w
		}
		return known
	}
	for _, s := range es.seats {
		if w := es.workload(s.seatKey); w != (audit.Ref{}) && s.pod != "" {
			at := podName{s.namespace, s.pod}
			pods[at] = least(pods[at], w)
			owned[s.end] = least(owned[s.end], w)
		}
	}
	found := map[*end]audit.Ref{}
	for _, e := range es.by {
		if !e.isPod() {
			continue
		}
		found[e] = cmp.Or(owned[e], e.workload, pods[podName{e.namespace, e.pod}])
	}
	return found
}

// pods are those that have a seat.
func (es *ends) pods() map[podName]bool {
	out := map[podName]bool{}
	for _, s := range es.seats {
		out[podName{s.namespace, s.pod}] = true
	}
	return out
}

// relabelled lists the pods that were seen with more than one identity.
func (es *ends) relabelled() []audit.Relabelled {
	pods := map[podName]map[*labelSet]int64{}
	for _, s := range es.seats {
		if s.pod == "" || s.labels.nobody || s.first == never {
			continue
		}
		at := podName{s.namespace, s.pod}
		if pods[at] == nil {
			pods[at] = map[*labelSet]int64{}
		}
		if first, ok := pods[at][s.labels.bare]; !ok || s.first < first {
			pods[at][s.labels.bare] = s.first
		}
	}
	var out []audit.Relabelled
	for p, sets := range pods {
		if len(sets) < 2 {
			continue
		}
		var all []audit.Relabelled
		for set, first := range sets {
			all = append(all, audit.Relabelled{Namespace: p.namespace, Pod: p.pod, Labels: set.list, At: moment(first)})
		}
		slices.SortFunc(all, compareRelabelled)
		for i := 1; i < min(len(all), maxLabelSets); i++ {
			all[i].Was = all[i-1].Labels
			out = append(out, all[i])
		}
	}
	slices.SortFunc(out, compareRelabelled)
	return out[:min(len(out), maxRelabelled)]
}

// addresses of a conversation whose ends are not both pods, with their labels
// as given.
type addresses struct {
	from, to             netip.Addr
	fromLabels, toLabels *labelSet
}

func (a *addresses) sum() uint64 {
	return emptySum.address(a.from).address(a.to).number(a.fromLabels.sum).number(a.toLabels.sum).mixed()
}
func compareRelabelled(a, b audit.Relabelled) int {
	return cmp.Or(
		a.At.Compare(b.At), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod),
		slices.Compare(a.Labels, b.Labels),
	)
}
