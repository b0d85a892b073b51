package cluster

import (
	"maps"
	"reflect"
	"time"

	"github.com/segproof/segproof/audit"
	"k8s.io/client-go/tools/cache"
)

// event takes in that an object came (no old), went (no new) or changed.
func (f *Follower) event(s *stream, old, obj any, initial bool) {
	was, is := heldOf(old), heldOf(obj)
	if was == nil && is == nil {
		return
	}
	if f.take(s, was, is, initial) {
		f.ring()
	}
}

// heldOf is what an informer tells of, which may be the last it knew of an object
// whose end it missed.
func heldOf(obj any) *held {
	if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = last.Obj
	}
	h, _ := obj.(*held)
	return h
}

// ring tells of a change, once there was something to change from.
func (f *Follower) ring() {
	select {
	case <-f.ready:
		f.OnChange()
	default:
	}
}

// take notes a change. It tells whether an audit may say otherwise after it.
func (f *Follower) take(s *stream, was, is *held, initial bool) (matters bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.dropped {
		return false
	}
	if was == nil || is == nil || !reflect.DeepEqual(was.noun, is.noun) {
		delete(f.built, s.part())
	}
	now := time.Now()
	switch s.kind.role {
	case asPolicy:
		return f.policy(s, was, is, change{initial: initial, at: now, gap: s.unsure(now)})
	case asPod:
		if is == nil {
			f.gone(was, now)
		}
	case asNamespace:
		return f.namespace(was, is, now)
	case asKyverno, asOverride:
		return !alikeNouns(was, is)
	case asReport:
		return !sameFailures(was, is)
	case asWebhook:
		return was == nil || is == nil || !reflect.DeepEqual(was.noun, is.noun)
	}
	return false
}

// unsure is since when nothing was heard of the kind before what is told now.
func (s *stream) unsure(now time.Time) time.Time {
	if s.contact == nil {
		return time.Time{}
	}
	return s.contact.unsure(now)
}

func (f *Follower) policy(s *stream, was, is *held, c change) bool {
	if is != nil {
		c.ref = is.ref(s.kind)
		if c.object, _ = is.noun.(*audit.Object); c.object != nil {
			c.declared = c.object.Changed
		}
	} else {
		c.ref = was.ref(s.kind)
	}
	changed := f.history.apply(c)
	if changed && !c.initial {
		f.OnCut(audit.Cut{At: f.history.latest, Namespace: c.ref.Namespace})
	}
	// A new version of the API tells of the same objects once more.
	return changed || !alikeNouns(was, is)
}

// gone remembers a pod that is gone, with its owner as long as that is known.
func (f *Follower) gone(was *held, now time.Time) {
	if p, ok := was.noun.(*podInput); ok {
		out := p.Pod
		out.Owner = owner(p, f.above)
		f.memory.gone(out, now)
		delete(f.built, partGone)
	}
}

// above tells what owns a ReplicaSet or a Job, if that is known.
func (f *Follower) above(ref audit.Ref) (controller, bool) {
	for _, s := range f.streams {
		if s.kind.Kind != ref.Kind || !leads(ref.Kind) {
			continue
		}
		obj, ok, _ := s.informer.GetStore().GetByKey(ref.Namespace + "/" + ref.Name)
		if h := heldOf(obj); ok && h != nil {
			if w, ok := h.noun.(*workloadInput); ok {
				return w.above, true
			}
		}
	}
	return controller{}, false
}

// namespace notes when the labels of a namespace changed.
func (f *Follower) namespace(was, is *held, now time.Time) bool {
	if was == nil || is == nil {
		return true
	}
	a, ok := was.noun.(*namespaceInput)
	b, both := is.noun.(*namespaceInput)
	if !ok || !both || maps.Equal(a.Labels, b.Labels) {
		return false
	}
	at := now
	if t := b.edited; t.After(now.Add(-2*time.Minute)) && !t.After(now) {
		at = t
	}
	f.memory.relabelled(b.Name, at)
	f.OnCut(audit.Cut{At: at, Namespace: b.Name})
	return true
}

// alikeNouns tells whether two objects differ in their bookkeeping at most.
func alikeNouns(was, is *held) bool {
	if was == nil || is == nil {
		return false
	}
	a, ok := was.noun.(*audit.Object)
	b, both := is.noun.(*audit.Object)
	return ok && both && alike(a, b, "metadata") && maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations)
}

// sameFailures tells whether two reports find the same wrong. Only the times
// change each time that Kyverno scans again.
func sameFailures(was, is *held) bool {
	return reflect.DeepEqual(failures(was), failures(is))
}

func failures(h *held) map[audit.KyvernoResult]bool {
	out := map[audit.KyvernoResult]bool{}
	if h == nil {
		return out
	}
	if r, ok := h.noun.(*report); ok {
		for _, k := range r.failures {
			k.Timestamp = time.Time{}
			out[k] = true
		}
	}
	return out
}
