package audit

import (
	"slices"
	"time"
)

// dropped judges a drop by policy. It agrees with what is declared, or it was
// made under a state that is not declared any more.
func (j *judge) dropped(v trial) {
	if v.Decision.Answer != Deny {
		j.skip(v.Conversation, whyAllowed)
		return
	}
	from := earliest(v.Decision)
	core := j.unlisted[j.key(&v.Judged)]
	v.count(func(t time.Time) bool {
		return !t.Before(from) && !slices.ContainsFunc(core, func(s span) bool { return s.has(t) })
	})
	switch {
	case len(v.Counted) == 0:
		j.skip(v.Conversation, whyTooEarly)
		return
	case v.Decision.Reason == DefaultDenied && v.Reason != ReasonRule:
		v.Outcome = Refused
	default:
		v.Outcome = Proven
	}
	j.out.Ends = append(j.out.Ends, v.Judged)
}

// carried judges a connection that passed an end which declares it denied. It
// contradicts only if nothing else explains it.
func (j *judge) carried(v trial) {
	k := j.key(&v.Judged)
	if j.audits(&v.Judged) {
		v.Outcome, v.Counted = AuditOnly, v.Opens
		j.out.Ends = append(j.out.Ends, v.Judged)
		return
	}
	from, why := j.judgedFrom(v.Decision, k)
	if since := v.line.since(v.q, v.Decision.Answer, v.from); !since.IsZero() && since.Add(j.Settle).After(from) {
		from = since.Add(j.Settle)
	}
	if why == "" {
		v.count(func(t time.Time) bool { return !t.Before(from) && !j.unsettled(k, &v.Judged, t) })
		why = j.explained(v.Judged, k, v.from)
	}
	v.Outcome = Contradicted
	if why != "" {
		v.Outcome, v.Why = Withheld, why
		j.skip(v.Conversation, why)
	}
	if why == whyTooEarly {
		return // nothing was declared yet that it could contradict
	}
	j.out.Ends = append(j.out.Ends, v.Judged)
}

// audits tells whether an end let pass around then what it would have denied.
func (j *judge) audits(v *Judged) bool {
	if j.Settings["policy-audit-mode"] == "true" {
		return true
	}
	return slices.ContainsFunc(j.audited[auditKey{v.End, v.Subject().Workload}], func(s span) bool {
		return !v.Conversation.Last.Before(s.from) && !v.Conversation.First.After(s.to)
	})
}

// explained says what else than a policy that is not enforced may be behind a
// denied connection that was carried; "" if nothing.
func (j *judge) explained(v Judged, k endKey, at int) string {
	_, speaks := j.speaking[k]
	switch {
	case len(v.Counted) == 0 && len(j.unlisted[k]) > 0:
		return whyUnlisted
	case len(v.Counted) == 0:
		return whyTooEarly
	case j.named[j.pairKey(&v, at)]:
		return whyNamed
	case v.Event != PolicyVerdict && speaks && j.Lost > 0:
		return whyLost
	}
	return ""
}

// unsettled tells whether at time t one of the ends was about to change: a
// policy that is not declared took part around then, or a pod's labels changed.
func (j *judge) unsettled(k endKey, v *Judged, t time.Time) bool {
	has := func(s span) bool { return s.has(t) }
	if slices.ContainsFunc(j.unlisted[k], func(s span) bool { return s.widen(j.Settle).has(t) }) {
		return true
	}
	if len(j.changing) == 0 {
		return false
	}
	return slices.ContainsFunc(j.changing[v.From.Labels.Bare().Key()], has) || slices.ContainsFunc(j.changing[v.To.Labels.Bare().Key()], has)
}

// judgedFrom says from when a denied connection may contradict a decision: the
// settle time after the first of the policies that decide was declared, and
// after the last edit of any of them, since a former version may have allowed
// more. Policies without times, such as those of a repository, were in force
// all along, unless the end began to enforce only while it was watched.
func (j *judge) judgedFrom(d Decision, k endKey) (time.Time, string) {
	first, edited, timeless := time.Time{}, time.Time{}, false
	for _, p := range d.Policies {
		switch o := p.Object; {
		case o == nil || o.Created.IsZero() && o.Changed.IsZero():
			timeless = true
		case o.Changed.IsZero():
			return first, whyEdited
		default:
			if first.IsZero() || o.Changed.Before(first) {
				first = o.Changed
			}
			if o.Changed.After(o.Created) && o.Changed.After(edited) {
				edited = o.Changed
			}
		}
	}
	from := first
	if timeless {
		from = time.Time{}
		if s, ok := j.speaking[k]; ok {
			from = s.from
		}
	}
	if edited.After(from) {
		from = edited
	}
	if from.IsZero() {
		return from, ""
	}
	return from.Add(j.Settle), ""
}

// earliest is when the first of the policies that decide was declared. A drop
// agrees with them from then on, settled or not.
func earliest(d Decision) time.Time {
	var first time.Time
	for i, p := range d.Policies {
		if p.Object == nil || p.Object.Created.IsZero() {
			return time.Time{}
		}
		if i == 0 || p.Object.Created.Before(first) {
			first = p.Object.Created
		}
	}
	return first
}

// count keeps the connections opened at times that count. The conversation
// keeps only some of many, so that First and Last may lie outside of them; they
// are used where they count too.
func (v *trial) count(counted func(time.Time) bool) {
	counts := func(t time.Time) bool { return v.has(t) && counted(t) }
	v.First, v.Last = time.Time{}, time.Time{}
	see := func(t time.Time) {
		if v.First.IsZero() || t.Before(v.First) {
			v.First = t
		}
		if t.After(v.Last) {
			v.Last = t
		}
	}
	n := 0
	for _, o := range v.Opens {
		if counts(o.At) {
			n++
			see(o.At)
		}
	}
	if v.Counted = slices.Clip(v.Opens); n < len(v.Opens) {
		v.Counted = slices.DeleteFunc(slices.Clone(v.Opens), func(o Open) bool { return !counts(o.At) })
	}
	for _, t := range []time.Time{v.FirstOpen, v.LastOpen} {
		if !t.IsZero() && counts(t) {
			see(t)
		}
	}
	if len(v.Counted) == 0 && !v.First.IsZero() {
		// More connections than are kept, and the kept ones lie elsewhere.
		v.Counted = append(v.Counted, Open{At: v.First})
	}
}
