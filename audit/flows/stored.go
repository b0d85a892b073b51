package flows

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segproof/segproof/audit"
)

// Stored tells what others followed and kept, such as the collectors of all
// nodes. It is an audit.Network. The zero value of each field but Keeper means
// the default.
type Stored struct {
	Keeper audit.Keeper
	// Window is how far back is read. Default 24 h.
	Window time.Duration
	// SilentAfter is how long nobody may have listened to a node until it counts as
	// silent. Default 10 min.
	SilentAfter time.Duration
}

var errNothingStored = errors.New("nothing was stored\n" +
	"run 'segproof collect' on every node, or 'segproof watch', with the same store")

// Traffic reads what lies in the window. Conversations that a cut would not have
// divided are drawn together, however those who kept them divided them, and ends
// that were mere pods to them get the workloads that are known by now.
func (s *Stored) Traffic(ctx context.Context, h audit.Hints) (*audit.Traffic, error) {
	now := time.Now()
	t, err := s.Keeper.Kept(ctx, now.Add(-cmp.Or(s.Window, 24*time.Hour)))
	if err != nil {
		return nil, err
	}
	if t.Until.IsZero() && len(t.Nodes) == 0 {
		return nil, fmt.Errorf("since %s %w", now.Add(-cmp.Or(s.Window, 24*time.Hour)).UTC().Format(time.RFC3339), errNothingStored)
	}
	newReunion(t.Conversations, h).unite(t)
	s.silent(t, h, now)
	return t, nil
}

// silent adds the nodes that nobody listens to any more. One that is not there
// any more is not silent.
func (s *Stored) silent(t *audit.Traffic, h audit.Hints, now time.Time) {
	before := now.Add(-cmp.Or(s.SilentAfter, 10*time.Minute))
	there := func(name string) bool { return h.Nodes == nil || h.Nodes[name[strings.LastIndexByte(name, '/')+1:]] }
	for i := range t.Nodes {
		n := &t.Nodes[i]
		if !n.Watched.IsZero() && n.Watched.Before(before) && there(n.Name) && !slices.Contains(t.SilentNodes, n.Name) {
			t.SilentNodes = append(t.SilentNodes, n.Name)
			n.Note = cmp.Or(n.Note, "nobody listens to it since "+n.Watched.UTC().Format(time.RFC3339))
		}
	}
	t.SilentNodes = slices.DeleteFunc(t.SilentNodes, func(name string) bool { return !there(name) })
	slices.Sort(t.SilentNodes)
}

// A reunion draws conversations together that were kept apart.
type reunion struct {
	cuts  *cuts
	owner func(namespace, pod string) (audit.Ref, bool)
	likes map[likeness]audit.Ref // the workload of all pods with that identity; zero if they differ
}

// A likeness is what pods of one workload have in common.
type likeness struct{ namespace, labels string }

func likenessOf(p *audit.Peer) likeness {
	return likeness{p.Namespace, strings.Join(p.Labels.Bare(), "\x00")}
}

func newReunion(cs []audit.Conversation, h audit.Hints) *reunion {
	r := &reunion{newCuts(h.Cuts), h.Owner, map[likeness]audit.Ref{}}
	if r.owner == nil {
		r.owner = func(string, string) (audit.Ref, bool) { return audit.Ref{}, false }
	}
	known := func(p *audit.Peer) {
		if !p.IsPod() || p.Workload.Kind == "Pod" {
			return
		}
		l := likenessOf(p)
		if w, ok := r.likes[l]; ok && w != p.Workload {
			r.likes[l] = audit.Ref{}
			return
		}
		r.likes[l] = p.Workload
	}
	for i := range cs {
		r.name(&cs[i].From, cs[i].Samples, func(s *audit.Sample) string { return s.From })
		r.name(&cs[i].To, cs[i].Samples, func(s *audit.Sample) string { return s.To })
		known(&cs[i].From)
		known(&cs[i].To)
	}
	return r
}

// name replaces a workload by what owns it, as far as that is known of its pods.
func (r *reunion) name(p *audit.Peer, samples []audit.Sample, pod func(*audit.Sample) string) {
	if !p.IsPod() {
		return
	}
	switch p.Workload.Kind {
	case "Pod":
		if owner, ok := r.owner(p.Namespace, p.Workload.Name); ok {
			p.Workload = owner
		}
	case "ReplicaSet", "Job":
		for i := range samples {
			namespace, name, _ := strings.Cut(pod(&samples[i]), "/")
			if owner, ok := r.owner(namespace, name); ok && namespace == p.Namespace {
				p.Workload = owner
				return
			}
		}
	}
}

// unite makes one of all that are the same now.
func (r *reunion) unite(t *audit.Traffic) {
	at := make(map[[16]byte]int, len(t.Conversations))
	whole := t.Conversations[:0]
	for i := range t.Conversations {
		c := t.Conversations[i]
		r.likened(&c.From)
		r.likened(&c.To)
		r.place(&c)
		id := c.Identity()
		if n, ok := at[id]; ok {
			whole[n].Absorb(&c)
			continue
		}
		at[id] = len(whole)
		whole = append(whole, c)
	}
	clear(t.Conversations[len(whole):])
	t.Conversations = sorted(whole)
}

func (r *reunion) likened(p *audit.Peer) {
	if p.IsPod() && p.Workload.Kind == "Pod" {
		p.Workload = cmp.Or(r.likes[likenessOf(p)], p.Workload)
	}
}

// place puts a conversation into the interval between cuts that it lies in. One
// that lies in several stays in its own.
func (r *reunion) place(c *audit.Conversation) {
	in := r.cuts.interval(c.First.UnixNano(), c.From.Namespace, c.To.Namespace)
	if in != r.cuts.interval(c.Last.UnixNano(), c.From.Namespace, c.To.Namespace) {
		return
	}
	c.Interval = time.Time{}
	if in != ever {
		c.Interval = moment(in)
	}
}
